import { z } from "zod";
import type { Core, LoihiProgram } from "../../backends/program/loihi/program.js";
import { count, record, sampleFields, sampleOf, stoppedSchema, type SampleName } from "../samples.js";
import { placesOf, stretchSchema } from "./places.js";
import { loihiProbeSchema, type LoihiProbe } from "./probes.js";
import { LOIHI_EVENTS, type LoihiRunResult } from "./result.js";

/** A run on a step-by-step chip: the summed counts of all samples of one program, and what came out of each sample. */

const perStep = z.array(count);

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
  /** Where its neurons lie; in runs with recorded spikes or probes. */
  places: z.array(stretchSchema).optional(),
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
  /** Outputs are those of the network. */
  ...sampleFields,
  /** ps. */
  time: count,
  /** What probes saw, where there were some. */
  probes: z.array(loihiProbeSchema).optional(),
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
  stopped: stoppedSchema.optional(),
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
    result: Omit<LoihiRunResult, "states">,
    outputs: ReadonlyMap<string, ArrayLike<number>>,
    sample: SampleName,
    probes: readonly LoihiProbe[] = [],
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
    const { layers } = this.program;
    this.samples.push({
      ...sampleOf(sample, outputs, this.classes, layers, result.spikes),
      time: result.time,
      ...(probes.length === 0 ? {} : { probes: [...probes] }),
    });
  }

  /** Whether neurons are named in the samples. */
  private get looksInside(): boolean {
    return this.samples.some(({ spikes, probes }) => spikes !== undefined || probes !== undefined);
  }

  private withPlaces(layer: LoihiLayerTotals, index: number): LoihiLayerTotals {
    const places = placesOf(this.program, index);
    return places.length === 0 ? layer : { ...layer, places: [...places] };
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
      layers: this.looksInside ? this.layers.map((layer, i) => this.withPlaces(layer, i)) : this.layers,
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
