import type { Tensor, Tensor4D } from "@tensorflow/tfjs-core";
import { positionsOf, type LinearKernels, type Slot, type ValueType, type Weights } from "../ir/index.js";
import type { TfApi } from "./api.js";

/**
 * Linear kernels that share no code with spikec's: TensorFlow's convolution, matrix product and pooling in float32.
 *
 * Sums are float32 in an order of TensorFlow's choice. They equal the exact ones where every partial sum fits 24 bits on the
 * channel's grid, and differ by float32 rounding elsewhere; the bias is added in double.
 */
export function makeTfKernels(tf: TfApi, name: string): LinearKernels {
  const filters = cache((weights) => {
    const [kh = 1, kw = 1, cin = 1, out = 1] = weights.shape;
    return tf.tensor4d(realWeights(weights), [kh, kw, cin, out]);
  });
  const matrices = cache((weights) => {
    const [cin = 1, out = 1] = weights.shape;
    return tf.tensor2d(realWeights(weights), [cin, out]);
  });

  return {
    name,

    conv(x, xType, weights, { stride, padding }) {
      const filter = filters(weights);
      const sums = tf.tidy(() => {
        const map = padded(tf, featureMap(tf, realOperand(x, xType), xType), padding, 0);
        return tf.conv2d(map, filter, stride, "valid").dataSync();
      });
      return withBias(sums, weights);
    },

    dense(x, xType, weights) {
      const matrix = matrices(weights);
      const sums = tf.tidy(() => {
        const positions = positionsOf(xType);
        const rows = tf.tensor2d(realOperand(x, xType), [positions, x.length / positions]);
        return tf.matMul(rows, matrix).dataSync();
      });
      return withBias(sums, weights);
    },

    maxPool(x, xType, { kernel, stride, padding }) {
      const pooled = tf.tidy(() =>
        tf.maxPool(padded(tf, featureMap(tf, x, xType), padding, -Infinity), kernel, stride, "valid").dataSync(),
      );
      return Float32Array.from(pooled);
    },
  };
}

/** Remembers what is made of weights, which never change, and disposes of it when they are gone. */
function cache<T extends Tensor>(make: (weights: Weights) => T): (weights: Weights) => T {
  const made = new WeakMap<Weights, T>();
  const disposal = new FinalizationRegistry<T>((tensor) => tensor.dispose());
  return (weights) => {
    const known = made.get(weights);
    if (known !== undefined) return known;
    const tensor = make(weights);
    made.set(weights, tensor);
    disposal.register(weights, tensor);
    return tensor;
  };
}

/** Weights in real units: mantissas have at most 24 bits, so every weight is exact in float32. */
function realWeights({ mantissa, exponent }: Weights): Float32Array {
  const out = exponent.length;
  return Float32Array.from(mantissa, (m, i) => m * 2 ** -(exponent[i % out] ?? 0));
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

/** Sums in real units, widened, plus the bias. */
function withBias(sums: ArrayLike<number>, { bias, exponent }: Weights): Float64Array {
  const real = Float64Array.from(bias, (b, o) => b * 2 ** -(exponent[o] ?? 0));
  return Float64Array.from(sums, (sum, i) => sum + (real[i % real.length] ?? 0));
}
