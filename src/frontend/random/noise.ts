import type { ValueType } from "../../ir/index.js";
import { Generator } from "./generator.js";

/** A picture of noise, or frames of event counts: one sample for the input of a net. */
export function noiseInput(type: ValueType, seed: number): Float32Array {
  const random = new Generator(seed, "calibration input");
  let size = type.time.count;
  for (const d of type.shape) size *= d;
  return Float32Array.from({ length: size }, () => {
    const x = random.normal();
    return type.time.count === 1 ? x : Math.max(0, Math.round(x));
  });
}
