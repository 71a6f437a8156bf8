import { z } from "zod";
import type { ProgramLayer } from "../backends/program/program.js";
import { argmax } from "../math/tensor.js";
import { packSpikes, recordedSpikesSchema, type RecordedSpikes } from "./recording.js";

/** What the run files of all kinds of chips have in common: what came out of each sample, and why there are no more of them. */

export const count = z.number().nonnegative();

export const record = <const K extends readonly [string, ...string[]], V extends z.ZodType>(keys: K, value: V) =>
  z.record(z.enum(keys), value);

/** Fields of a sample on any chip. */
export const sampleFields = {
  name: z.string(),
  predicted: z.number().int().nullable(),
  label: z.number().int().nullable(),
  /** Flat, by output name. */
  outputs: z.record(z.string(), z.array(z.number())),
  /** Where they were asked for: spikes of the source model's layers in network order. */
  spikes: z.array(recordedSpikesSchema).optional(),
};
type SampleFields = z.infer<z.ZodObject<typeof sampleFields>>;

/** Of a run that stopped early: how many samples were asked for, and why they are not all here. */
export const stoppedSchema = z.object({ asked: z.number().int().positive(), why: z.string() });
export type Stopped = z.infer<typeof stoppedSchema>;

/** What a sample is called, and its class where that is known. */
export interface SampleName {
  readonly name: string;
  readonly label?: number | undefined;
}

/** The {@link sampleFields} of a finished sample; `width`: elements of one timestep of the first output, by default all of them. */
export function sampleOf(
  { name, label }: SampleName,
  outputs: ReadonlyMap<string, ArrayLike<number>>,
  width: number | undefined,
  layers: readonly ProgramLayer[],
  spikes: ReadonlyMap<string, Uint8Array> | undefined,
): SampleFields {
  const [first] = outputs.values();
  return {
    name,
    predicted: first === undefined || first.length === 0 ? null : predict(first, width ?? first.length),
    label: label ?? null,
    outputs: Object.fromEntries([...outputs].map(([output, values]) => [output, Array.from(values)])),
    ...(spikes === undefined ? {} : { spikes: packed(layers, spikes) }),
  };
}

/** The class with the largest sum over the timesteps, of which there may be one. */
function predict(logits: ArrayLike<number>, classes: number): number | null {
  const sums = new Float64Array(classes);
  for (let i = 0; i < logits.length; i++) sums[i % classes]! += logits[i]!;
  return argmax(sums);
}

function packed(layers: readonly ProgramLayer[], spikes: ReadonlyMap<string, Uint8Array>): RecordedSpikes[] {
  return layers.flatMap((layer) => {
    const map = layer.recorded ? spikes.get(layer.name) : undefined;
    return map === undefined ? [] : [packSpikes(layer.name, layer, map)];
  });
}
