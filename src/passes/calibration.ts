import { slotSize, type Net } from "../ir/index.js";

/** Inputs on which a pass measures ranges and what it changes. Passes read no files: the caller brings them. */
export interface Calibration {
  /** Inputs of a net by name, as {@link evaluate} takes them. */
  readonly samples: readonly ReadonlyMap<string, ArrayLike<number>>[];
  /** Class of each sample. */
  readonly labels?: ArrayLike<number> | undefined;
}

/** What is wrong with calibration inputs for a net, or nothing. */
export function calibrationProblem(net: Net, { samples, labels }: Calibration): string | undefined {
  if (samples.length === 0) return "there are no calibration inputs";
  if (labels !== undefined && labels.length < samples.length) {
    return `${samples.length} calibration inputs need a label each, got ${labels.length}`;
  }
  for (const [i, sample] of samples.entries()) {
    for (const { name, type } of net.inputs) {
      const data = sample.get(name);
      const needed = slotSize(type) * type.time.count;
      if (data?.length === needed) continue;
      const got = data === undefined ? "nothing" : String(data.length);
      const slots = type.time.count === 1 ? "" : `${type.time.count} x `;
      return `input \`${name}\` needs ${needed} values (${slots}${type.shape.join("x")}), calibration input ${i} has ${got}`;
    }
  }
  return undefined;
}
