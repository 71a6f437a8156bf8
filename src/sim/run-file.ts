import { z } from "zod";
import { ENGINES, MEMORIES, type MemoryName } from "../backends/program/instruction.js";
import type { Program } from "../backends/program/program.js";
import { wordBytes } from "../chips/layerwise.js";
import { ENGINE_STATES, EVENTS, type RunResult } from "./layerwise/result.js";
import type { ProbeRecord } from "./probes.js";
import { probeToJson, recordedProbeSchema } from "./recording.js";
import { count, record, sampleFields, sampleOf, stoppedSchema, type SampleName } from "./samples.js";

/** A run: the summed counts of all samples of one program, and what came out of each sample. What `simulate` writes and `energy` reads. */

const memoryAccesses = z.object({ reads: count, writes: count });

const layerSchema = z.object({
  name: z.string(),
  kind: z.string(),
  /** Events by kind, one number per timestep. */
  events: record(EVENTS, z.array(count)),
  accesses: record(MEMORIES, memoryAccesses),
  /** Bytes, whole bursts. */
  dram: z.object({ read: count, written: count }),
});

const sampleSchema = z.object({
  ...sampleFields,
  cycles: count,
  /** What probes saw, where there were some. */
  probes: z.array(recordedProbeSchema).optional(),
});

export const runFileSchema = z.object({
  format: z.literal("spikec-run"),
  version: z.literal(1),
  program: z.string(),
  timesteps: z.number().int().positive(),
  chip: z.object({
    name: z.string(),
    clockHz: z.number().positive(),
    /** Bits of a weight, sign included; runs of earlier versions do not say. */
    weightBits: z.number().int().positive().optional(),
    memories: record(MEMORIES, z.object({ bytes: count, wordBytes: count })),
  }),
  cycles: count,
  /** Simulated time of all samples one after the other, s. */
  seconds: count,
  engines: record(ENGINES, record(ENGINE_STATES, count)),
  layers: z.array(layerSchema),
  samples: z.array(sampleSchema),
  stopped: stoppedSchema.optional(),
});

export type RunFile = z.infer<typeof runFileSchema>;
export type LayerTotals = z.infer<typeof layerSchema>;
export type RunSample = z.infer<typeof sampleSchema>;

function filled<K extends string, V>(keys: readonly K[], value: () => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value()])) as Record<K, V>;
}

/** Sums results of one program, sample by sample. */
export class RunTotals {
  private readonly samples: RunSample[] = [];
  private cycles = 0;
  private readonly engines = filled(ENGINES, () => filled(ENGINE_STATES, () => 0));
  private readonly layers: LayerTotals[];

  constructor(private readonly program: Program) {
    this.layers = program.layers.map(({ name, kind }) => ({
      name,
      kind,
      events: filled(EVENTS, () => Array.from({ length: program.timesteps }, () => 0)),
      accesses: filled(MEMORIES, () => ({ reads: 0, writes: 0 })),
      dram: { read: 0, written: 0 },
    }));
  }

  /** Adds one sample; its spikes are kept where the result has them. */
  add(result: RunResult, sample: SampleName, probes: readonly ProbeRecord[] = []): RunSample {
    this.cycles += result.cycles;
    for (const engine of ENGINES) {
      for (const state of ENGINE_STATES) this.engines[engine][state] += result.engines[engine][state];
    }
    for (const [index, layer] of this.layers.entries()) {
      const counts = result.layers[index]!;
      for (const event of EVENTS) {
        const sums = layer.events[event];
        for (let t = 0; t < sums.length; t++) sums[t]! += counts.events[event][t]!;
      }
      for (const memory of MEMORIES) {
        layer.accesses[memory].reads += counts.accesses[memory].reads;
        layer.accesses[memory].writes += counts.accesses[memory].writes;
      }
      layer.dram.read += counts.dramReadBytes;
      layer.dram.written += counts.dramWriteBytes;
    }
    const { layers, outputs } = this.program;
    const [port] = outputs;
    const classes = port && result.outputs.get(port.name)!.length / port.slots;
    const row: RunSample = {
      ...sampleOf(sample, result.outputs, classes, layers, result.spikes),
      cycles: result.cycles,
      ...(probes.length === 0 ? {} : { probes: probes.map(probeToJson) }),
    };
    this.samples.push(row);
    return row;
  }

  /** The run so far; `stopped` says why it holds fewer samples than were asked for. */
  finish(stopped?: RunFile["stopped"]): RunFile {
    const { chip } = this.program;
    const sizes = (name: MemoryName) => ({ bytes: chip.memories[name].bytes, wordBytes: wordBytes(chip, name) });
    const memories = { spike: sizes("spike"), weight: sizes("weight"), data: sizes("data") };
    return {
      format: "spikec-run",
      version: 1,
      program: this.program.name,
      timesteps: this.program.timesteps,
      chip: { name: chip.name, clockHz: chip.clockHz, weightBits: chip.weightBits, memories },
      cycles: this.cycles,
      seconds: this.cycles / chip.clockHz,
      engines: this.engines,
      layers: this.layers,
      samples: this.samples,
      ...(stopped === undefined ? {} : { stopped }),
    };
  }
}
