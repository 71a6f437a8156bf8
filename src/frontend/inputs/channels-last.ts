import { elements, type Tensor } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";

/** What a network or a program wants as one input: slots per sample, and the shape of one slot, channels last. */
export interface InputPort {
  readonly name: string;
  readonly slots: number;
  /** [H, W, C]. */
  readonly shape: readonly number[];
}

/**
 * Sample `index` of a batch in the order a port wants it: slot by slot, positions first, channels last. `data` is [B, C, H, W] for
 * static ports (1 slot) or [B, T, C, H, W]. Throws a DiagnosticError when shapes do not fit.
 */
export function sampleFor(port: InputPort, data: Tensor, index: number): Float32Array {
  const [h = 0, w = 0, channels = 0] = port.shape;
  const wanted = port.slots === 1 ? [channels, h, w] : [port.slots, channels, h, w];
  const got = data.shape.slice(1);
  if (got.length !== wanted.length || got.some((d, i) => d !== wanted[i])) {
    throw frontendError(
      "input-shape",
      `input \`${port.name}\` needs samples of shape ${wanted.join("x")}, got ${got.join("x")}`,
      { hint: port.slots === 1 ? "a static picture is [B, C, H, W]" : "event frames are [B, T, C, H, W]" },
    );
  }
  const size = elements(wanted);
  const positions = h * w;
  const sample = new Float32Array(size);
  for (let slot = 0; slot < port.slots; slot++) {
    const base = index * size + slot * positions * channels;
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < positions; p++) {
        sample[slot * positions * channels + p * channels + c] = data.data[base + c * positions + p] ?? 0;
      }
    }
  }
  return sample;
}
