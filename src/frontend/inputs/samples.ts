/** From raw samples of any source to the float32 inputs of a network. */
import { elements, type Tensor, type TensorData } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import type { Normalisation } from "./normalisation.js";

export interface InputOptions {
  /** Pixels without it are divided by 255 only, other numbers stay as they are. */
  readonly normalise?: Normalisation | undefined;
  /** The height and width that the network needs, padding included; other sizes are an error. */
  readonly size?: { readonly height: number; readonly width: number } | undefined;
  /** Read only this many samples from the start. */
  readonly limit?: number | undefined;
  /** Pixels of value 0 added on each side, before normalisation. */
  readonly pad?: number | undefined;
}

export interface InputSet {
  /** f32, [B,C,H,W] for pictures or [B,T,C,H,W] for event frames. */
  readonly data: Tensor;
  /** Class of each sample. */
  readonly labels?: Uint8Array | undefined;
  /** File names, or indices where the source has none. */
  readonly names: readonly string[];
}

/** What a source gives before normalisation. */
export interface RawSamples {
  /** [B,C,H,W] or [B,T,C,H,W] of any numeric type. */
  readonly data: Tensor;
  /** Whether the numbers are integer pixels from 0 to 255, to be divided by 255. */
  readonly pixels: boolean;
  readonly labels?: Uint8Array | undefined;
  readonly names?: readonly string[] | undefined;
}

export function inputError(
  code: "input-shape" | "input-options" | "input-labels",
  file: string,
  message: string,
  hint?: string,
) {
  return frontendError(code, message, { location: { kind: "file", file }, hint });
}

/** Checks options against their ranges. Throws `frontend/input-options`. */
export function checkOptions(options: InputOptions, file: string): void {
  const { limit, pad, normalise } = options;
  const count = (value: number | undefined, least: number, name: string): void => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return;
    throw inputError("input-options", file, `\`${name}\` is ${value}, expected an integer from ${least}`);
  };
  count(limit, 1, "limit");
  count(pad, 0, "pad");
  if (normalise === undefined) return;
  const { divisor = 1, mean, std } = normalise;
  if (![divisor, ...mean, ...std].every(Number.isFinite) || [divisor, ...std].some((v) => Math.fround(v) === 0)) {
    throw inputError("input-options", file, "a normalisation needs finite numbers, and a divisor and std other than 0");
  }
}

/** One value per channel from a list of one or of as many as there are channels. */
function perChannel(values: readonly number[], channels: number, name: string, file: string): readonly number[] {
  if (values.length === channels) return values;
  const [only] = values;
  if (values.length === 1 && only !== undefined) return Array.from({ length: channels }, () => only);
  const message = `\`${name}\` has ${values.length} values, the inputs have ${channels} channel${channels === 1 ? "" : "s"}`;
  throw inputError("input-options", file, message);
}

/**
 * Pads, normalises and checks samples. Every operation rounds to float32, in the order of torchvision's ToTensor and
 * Normalize: p/divisor, minus mean, over std.
 * Throws `frontend/input-shape`, `frontend/input-options`, `frontend/input-labels` or `frontend/input-not-finite`.
 */
export function finishSamples(raw: RawSamples, options: InputOptions, file: string): InputSet {
  const { shape } = raw.data;
  const batch = shape[0] ?? 0;
  if (batch === 0 || elements(shape) === 0)
    throw inputError("input-shape", file, `the inputs have shape [${shape.join(", ")}] and no elements`);
  if (raw.labels !== undefined && raw.labels.length !== batch) {
    throw inputError("input-labels", file, `${raw.labels.length} labels for ${batch} inputs`);
  }
  const channels = shape.at(-3) ?? 1;
  const normalise = options.normalise;
  const divisor = normalise?.divisor ?? (raw.pixels ? 255 : 1);
  const mean = perChannel(normalise?.mean ?? [0], channels, "mean", file);
  const std = perChannel(normalise?.std ?? [1], channels, "std", file);

  const padded = padSamples(raw.data, options.pad ?? 0);
  const [height = 0, width = 0] = padded.shape.slice(-2);
  const { size } = options;
  if (size !== undefined && (size.height !== height || size.width !== width)) {
    const hint = "resize the pictures beforehand, the way the training script does; `pad` adds pixels of 0";
    throw inputError(
      "input-shape",
      file,
      `the inputs are ${height}x${width}, the network needs ${size.height}x${size.width}`,
      hint,
    );
  }
  const data = new Float32Array(padded.data.length);
  const plane = height * width;
  for (let p = 0; p * plane < data.length; p++) {
    const c = p % channels;
    normalisePlane(padded.data, data, p * plane, plane, divisor, mean[c] ?? 0, std[c] ?? 1);
  }
  const names = raw.names ?? Array.from({ length: batch }, (_, i) => String(i));
  checkFinite(data, data.length / batch, names, file);
  return { data: { dtype: "f32", shape: padded.shape, data }, labels: raw.labels, names };
}

/** `count` elements from `start` on: fl(fl(fl(x/divisor) - mean)/std), constants rounded to float32 first. */
function normalisePlane(
  source: TensorData,
  target: Float32Array,
  start: number,
  count: number,
  divisor: number,
  mean: number,
  std: number,
): void {
  const fround = Math.fround;
  const d = fround(divisor);
  const m = fround(mean);
  const s = fround(std);
  for (let i = start; i < start + count; i++) {
    target[i] = fround(fround(fround(fround(source[i] ?? 0) / d) - m) / s);
  }
}

function padSamples(tensor: Tensor, pad: number): Tensor {
  if (pad === 0) return tensor;
  const [height = 0, width = 0] = tensor.shape.slice(-2);
  const wide = width + 2 * pad;
  const high = height + 2 * pad;
  const planes = tensor.data.length / (height * width);
  const data = new Float32Array(planes * high * wide);
  for (let row = 0; row < planes * height; row++) {
    const plane = Math.floor(row / height);
    const y = (row % height) + pad;
    data.set(tensor.data.subarray(row * width, (row + 1) * width), (plane * high + y) * wide + pad);
  }
  return { dtype: "f32", shape: [...tensor.shape.slice(0, -2), high, wide], data };
}

function checkFinite(data: Float32Array, sampleLength: number, names: readonly string[], file: string): void {
  const at = data.findIndex((v) => !Number.isFinite(v));
  if (at < 0) return;
  const sample = Math.floor(at / sampleLength);
  const message = `input \`${names[sample] ?? sample}\` has ${data[at]} at element ${at % sampleLength}`;
  throw frontendError("input-not-finite", message, { location: { kind: "file", file } });
}
