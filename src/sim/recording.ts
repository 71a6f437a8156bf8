import { z } from "zod";
import { probeFields, type ProbeRecord } from "./probes.js";

/** Recorded spikes and probes as they stand in a run file. */

const count = z.number().int().nonnegative();

export const recordedSpikesSchema = z.object({
  layer: z.string(),
  positions: count,
  channels: count,
  /** Bits of [timesteps, positions, channels], least significant first, as base64. */
  bits: z.base64(),
});
export type RecordedSpikes = z.infer<typeof recordedSpikesSchema>;

/** JSON has no infinities and no NaN; a potential that overflowed is worth seeing. */
const NON_FINITE = ["Infinity", "-Infinity", "NaN"] as const;
const values = z.array(z.union([z.number(), z.enum(NON_FINITE)]));

/** A {@link ProbeRecord} with plain lists; `neuron` is null where the whole layer was watched. */
export const recordedProbeSchema = z.object({
  ...probeFields,
  input: values,
  before: values,
  charged: values,
  after: values,
  threshold: values,
  spikes: z.array(z.number().int().min(0).max(1)),
});
export type RecordedProbe = z.infer<typeof recordedProbeSchema>;

/** Packs spikes, 0 or 1 each, [timesteps, positions, channels]. */
export function packSpikes(
  layer: string,
  { positions, channels }: { readonly positions: number; readonly channels: number },
  spikes: Uint8Array,
): RecordedSpikes {
  const bytes = new Uint8Array(Math.ceil(spikes.length / 8));
  spikes.forEach((spike, i) => (bytes[i >> 3]! |= spike << (i & 7)));
  return { layer, positions, channels, bits: Buffer.from(bytes).toString("base64") };
}

/** The spikes again, 0 or 1 each; undefined where the bits are not as many as `timesteps` need. */
export function unpackSpikes({ positions, channels, bits }: RecordedSpikes, timesteps: number): Uint8Array | undefined {
  const bytes = Buffer.from(bits, "base64");
  const size = timesteps * positions * channels;
  if (bytes.length !== Math.ceil(size / 8)) return undefined;
  return Uint8Array.from({ length: size }, (_, i) => (bytes[i >> 3]! >> (i & 7)) & 1);
}

export function probeToJson(record: ProbeRecord): RecordedProbe {
  const list = (array: Float64Array): RecordedProbe["input"] =>
    Array.from(array, (x) => (Number.isFinite(x) ? x : (String(x) as (typeof NON_FINITE)[number])));
  const { input, before, charged, after, threshold, spikes } = record;
  const lists = { input: list(input), before: list(before), charged: list(charged), after: list(after) };
  return { ...record, ...lists, threshold: list(threshold), spikes: Array.from(spikes) };
}

export function probeFromJson(probe: RecordedProbe): ProbeRecord {
  const array = (list: RecordedProbe["input"]): Float64Array => Float64Array.from(list, Number);
  const { input, before, charged, after, threshold, spikes } = probe;
  const arrays = { input: array(input), before: array(before), charged: array(charged), after: array(after) };
  return { ...probe, ...arrays, threshold: array(threshold), spikes: Uint8Array.from(spikes) };
}
