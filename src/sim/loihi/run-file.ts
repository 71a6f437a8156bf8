import { z } from "zod";
import type { Core, LoihiProgram } from "../../backends/program/loihi/program.js";
import { argmax } from "../../math/tensor.js";
import { packSpikes, recordedSpikesSchema } from "../recording.js";
import { LOIHI_EVENTS, type LoihiRunResult } from "./result.js";

/** A run on a step-by-step chip: the summed counts of all samples of one program, and what came out of each sample. */

const count = z.number().nonnegative();
const perStep = z.array(count);
const record = <const K extends readonly [string, ...string[]], V extends z.ZodType>(keys: K, value: V) =>
  z.record(z.enum(keys), value);

/** pJ per event, as in the chip's description. */
const PRICED = [
  "neuronAccess",
  "neuronUpdate",
  "spikeOut",
  "messageOut",
  "messageIn",
  "withinTile",
  "hopX",
  "hopY",
  "chipHop",
  "hostInput",
  "attention",
  "barrier",
] as const;

const layerSchema = z.object({
  name: z.string(),
  kind: z.string(),
  /** Events by kind, one number per chip step, summed over samples. */
  events: record(LOIHI_EVENTS, perStep),
  /** Synaptic events by format, one number per chip step. */
  synapses: z.record(z.string(), perStep),
});

const coreSchema = z.object({
  kind: z.enum(["neuro", "attention"]),
  tile: count,
  slot: count,
  compartments: count,
  /** ps. */
  neuronTime: count,
  ingressTime: count,
  sent: count,
  received: count,
  injectionPeak: count,
  ingressPeak: count,
});

const sampleSchema = z.object({
  name: z.string(),
  /** ps. */
  time: count,
  predicted: z.number().int().nullable(),
  label: z.number().int().nullable(),
  /** Flat, by output name of the network. */
  outputs: z.record(z.string(), z.array(z.number())),
  spikes: z.array(recordedSpikesSchema).optional(),
});

export const loihiRunSchema = z.object({
  format: z.literal("spikec-run"),
  version: z.literal(1),
  target: z.literal("loihi"),
  program: z.string(),
  timesteps: z.number().int().positive(),
  /** Chip steps and barriers of one sample; stops of a lockstep chip have barriers of their own. */
  steps: z.number().int().positive(),
  barriers: z.number().int().positive(),
  chip: z.object({
    name: z.string(),
    chips: z.number().int().positive(),
    /** Counters that an attention core adds to at once; 0 without such cores. */
    lanes: count,
    energy: record(PRICED, count).and(z.object({ synapse: z.record(z.string(), count), staticPerChip: count })),
    /** Where these figures come from, by field (`energy.hopX`, `energy`); runs of earlier versions do not say. */
    sources: z.record(z.string(), z.string()).optional(),
  }),
  /** Simulated time of all samples one after the other, s. */
  seconds: count,
  /** ps, one number per chip step, summed over samples: whole steps, and of them until the last neuron phase ended. */
  stepTimes: perStep,
  neuronTimes: perStep,
  layers: z.array(layerSchema),
  cores: z.array(coreSchema),
  /** Links that carried a message, from router to router. */
  links: z.array(z.object({ from: count, to: count, messages: count, peak: count })),
  /** What the host does for each sample. */
  host: z.object({
    ops: z.array(z.object({ part: z.enum(["prefix", "suffix"]), op: z.string(), count })),
    crossings: z.array(
      z.object({
        direction: z.enum(["into the chip", "out of the chip"]),
        name: z.string(),
        values: count,
        bytes: count,
      }),
    ),
  }),
  samples: z.array(sampleSchema),
  /** Of a run that stopped early: how many samples were asked for, and why they are not all here. */
  stopped: z.object({ asked: z.number().int().positive(), why: z.string() }).optional(),
});

export type LoihiRunFile = z.infer<typeof loihiRunSchema>;
export type LoihiLayerTotals = LoihiRunFile["layers"][number];

/** Barriers of one sample: one per step, and in lockstep one for each timestep of a chunk that is worked off. */
export function barriersOf({ chip, cores, populations, timesteps, steps }: LoihiProgram): number {
  if (chip.attention?.mode !== "lockstep") return steps;
  const rounds = new Map<number, number>();
  for (const core of cores) {
    if (core.kind !== "attention") continue;
    const { start } = populations[core.population]!;
    for (let last = core.chunk - 1; last < timesteps; last += core.chunk) {
      rounds.set(start + last, Math.max(core.chunk, rounds.get(start + last) ?? 0));
    }
  }
  return steps + [...rounds.values()].reduce((sum, n) => sum + n, 0);
}

function compartmentsOf(core: Core): number {
  return core.kind === "neuro" ? core.groups.reduce((sum, { neurons }) => sum + neurons.length, 0) : 0;
}

/** The class with the largest sum over time of the network's first output. */
function predict(outputs: ReadonlyMap<string, ArrayLike<number>>, classes: number | undefined): number | null {
  const [first] = outputs.values();
  if (first === undefined || first.length === 0) return null;
  const width = classes ?? first.length;
  const sums = new Float64Array(width);
  for (let i = 0; i < first.length; i++) sums[i % width]! += first[i]!;
  return argmax(sums);
}

/** Sums results of one program, sample by sample. */
export class LoihiRunTotals {
  private readonly samples: LoihiRunFile["samples"] = [];
  private time = 0;
  private readonly stepTimes: number[];
  private readonly neuronTimes: number[];
  private readonly layers: LoihiLayerTotals[];
  private readonly cores: LoihiRunFile["cores"];
  private readonly links = new Map<string, LoihiRunFile["links"][number]>();

  /** `classes`: elements of one timestep of the network's first output, where it has several. */
  constructor(
    private readonly program: LoihiProgram,
    private readonly host: LoihiRunFile["host"],
    private readonly classes?: number,
  ) {
    const zeros = (): number[] => Array.from({ length: program.steps }, () => 0);
    this.stepTimes = zeros();
    this.neuronTimes = zeros();
    this.layers = program.layers.map(({ name, kind }) => ({
      name,
      kind,
      events: Object.fromEntries(LOIHI_EVENTS.map((event) => [event, zeros()])) as LoihiLayerTotals["events"],
      synapses: Object.fromEntries(program.chip.synapseFormats.map((format) => [format.name, zeros()])),
    }));
    this.cores = program.cores.map((core) => ({
      kind: core.kind,
      tile: core.tile,
      slot: core.slot,
      compartments: compartmentsOf(core),
      neuronTime: 0,
      ingressTime: 0,
      sent: 0,
      received: 0,
      injectionPeak: 0,
      ingressPeak: 0,
    }));
  }

  /** Adds one sample and what the network computed for it; its spikes are kept where the result has them. */
  add(
    result: LoihiRunResult,
    outputs: ReadonlyMap<string, ArrayLike<number>>,
    sample: { readonly name: string; readonly label?: number | undefined },
  ): void {
    this.time += result.time;
    addTo(this.stepTimes, result.stepTimes);
    addTo(this.neuronTimes, result.neuronTimes);
    for (const [i, layer] of this.layers.entries()) {
      const { events, synapses } = result.layers[i]!;
      for (const event of LOIHI_EVENTS) addTo(layer.events[event], events[event]);
      this.program.chip.synapseFormats.forEach(({ name }, f) => addTo(layer.synapses[name]!, synapses[f]!));
    }
    for (const [i, core] of this.cores.entries()) {
      const counts = result.cores[i]!;
      for (const what of ["neuronTime", "ingressTime", "sent", "received"] as const) core[what] += counts[what];
      for (const peak of ["injectionPeak", "ingressPeak"] as const) core[peak] = Math.max(core[peak], counts[peak]);
    }
    for (const { from, to, messages, peak } of result.links) {
      const known = this.links.get(`${from} ${to}`) ?? { from, to, messages: 0, peak: 0 };
      const longest = Math.max(known.peak, peak);
      this.links.set(`${from} ${to}`, { from, to, messages: known.messages + messages, peak: longest });
    }
    this.samples.push({
      name: sample.name,
      time: result.time,
      predicted: predict(outputs, this.classes),
      label: sample.label ?? null,
      outputs: Object.fromEntries([...outputs].map(([name, values]) => [name, Array.from(values)])),
      ...(result.spikes === undefined ? {} : { spikes: this.packed(result.spikes) }),
    });
  }

  private packed(spikes: ReadonlyMap<string, Uint8Array>) {
    return this.program.layers.flatMap((layer) => {
      const map = layer.recorded ? spikes.get(layer.name) : undefined;
      return map === undefined ? [] : [packSpikes(layer.name, layer, map)];
    });
  }

  /** The run so far; `stopped` says why it holds fewer samples than were asked for. */
  finish(stopped?: LoihiRunFile["stopped"]): LoihiRunFile {
    const { chip, name, timesteps, steps } = this.program;
    const { synapse, staticPerChip } = chip.energy;
    const prices = Object.fromEntries(PRICED.map((event) => [event, chip.energy[event]]));
    const sources = Object.entries(chip.sources).filter(([field]) => field.split(".")[0] === "energy");
    return {
      format: "spikec-run",
      version: 1,
      target: "loihi",
      program: name,
      timesteps,
      steps,
      barriers: barriersOf(this.program),
      chip: {
        name: chip.name,
        chips: chip.mesh.chipsX * chip.mesh.chipsY,
        lanes: chip.attention?.lanes ?? 0,
        energy: { ...prices, synapse, staticPerChip } as LoihiRunFile["chip"]["energy"],
        sources: Object.fromEntries(sources),
      },
      seconds: this.time * 1e-12,
      stepTimes: this.stepTimes,
      neuronTimes: this.neuronTimes,
      layers: this.layers,
      cores: this.cores,
      links: [...this.links.values()],
      host: this.host,
      samples: this.samples,
      ...(stopped === undefined ? {} : { stopped }),
    };
  }
}

function addTo(sums: number[], values: ArrayLike<number>): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!;
}
