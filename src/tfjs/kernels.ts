import type { Tensor, Tensor2D, Tensor4D } from "@tensorflow/tfjs-core";
import { outputsOf, positionsOf, type LinearKernels, type Slot, type ValueType, type Weights } from "../ir/index.js";
import type { TfApi } from "./api.js";

/** The weights of one op as a float32 tensor; mantissas have at most 24 bits, so every weight is exact. */
interface HeldWeights {
  readonly filter: Tensor;
  /** Bias in real units. */
  readonly bias: Float64Array;
}

/**
 * Linear kernels that share no code with spikec's: TensorFlow's convolution, matrix product and pooling in float32.
 *
 * Sums are float32 in an order of TensorFlow's choice. They equal the exact ones where every partial sum fits 24 bits on the
 * channel's grid, and differ by float32 rounding elsewhere; the bias is added in double.
 */
export function makeTfKernels(tf: TfApi, name: string): LinearKernels {
  const held = new WeakMap<Weights, HeldWeights>();
  const disposal = new FinalizationRegistry<Tensor>((filter) => filter.dispose());

  const hold = (weights: Weights): HeldWeights => {
    const known = held.get(weights);
    if (known !== undefined) return known;
    const values = realWeights(weights);
    const [a = 1, b = 1, c = 1, d = 1] = weights.shape;
    const filter = weights.shape.length === 4 ? tf.tensor4d(values, [a, b, c, d]) : tf.tensor2d(values, [a, b]);
    const made = { filter, bias: realBias(weights) };
    held.set(weights, made);
    disposal.register(weights, filter);
    return made;
  };

  return {
    name,

    conv(x, xType, weights, { stride, padding }) {
      const { filter, bias } = hold(weights);
      const sums = tf.tidy(() => {
        const map = padded(tf, featureMap(tf, realOperand(x, xType), xType), padding, 0);
        return tf.conv2d(map, filter as Tensor4D, stride, "valid").dataSync();
      });
      return withBias(sums, bias);
    },

    dense(x, xType, weights) {
      const { filter, bias } = hold(weights);
      const sums = tf.tidy(() => {
        const positions = positionsOf(xType);
        const matrix = tf.tensor2d(realOperand(x, xType), [positions, x.length / positions]);
        return tf.matMul(matrix, filter as Tensor2D).dataSync();
      });
      return withBias(sums, bias);
    },

    maxPool(x, xType, { kernel, stride, padding }) {
      const pooled = tf.tidy(() =>
        tf.maxPool(padded(tf, featureMap(tf, x, xType), padding, -Infinity), kernel, stride, "valid").dataSync(),
      );
      return Float32Array.from(pooled);
    },
  };
}

function realWeights({ mantissa, exponent }: Weights): Float32Array {
  const out = exponent.length;
  return Float32Array.from(mantissa, (m, i) => m * 2 ** -(exponent[i % out] ?? 0));
}

function realBias(weights: Weights): Float64Array {
  return Float64Array.from({ length: outputsOf(weights) }, (_, o) => {
    return (weights.bias[o] ?? 0) * 2 ** -(weights.exponent[o] ?? 0);
  });
}

/** Operands in real units; integers carry their exponent in their type. */
function realOperand(x: Slot, { number }: ValueType): Float32Array {
  if (x instanceof Float32Array) return x;
  const unit = number.kind === "int" ? 2 ** number.exp : 1;
  return Float32Array.from(x, (value) => value * unit);
}

/** An HxWxC slot as a batch of one. */
function featureMap(tf: TfApi, x: Float32Array, { shape: [h = 1, w = 1, c = 1] }: ValueType): Tensor4D {
  return tf.tensor4d(x, [1, h, w, c]);
}

/** Padding as an op of its own: tfjs-node's pooling knows only "valid" and "same". */
function padded(tf: TfApi, map: Tensor4D, padding: number, value: number): Tensor4D {
  const side: [number, number] = [padding, padding];
  return padding === 0 ? map : tf.pad(map, [[0, 0], side, side, [0, 0]], value);
}

function withBias(sums: ArrayLike<number>, bias: Float64Array): Float64Array {
  return Float64Array.from(sums, (sum, i) => sum + (bias[i % bias.length] ?? 0));
}
