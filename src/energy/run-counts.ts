import { sum } from "../math/numbers.js";
import type { LoihiLayerTotals, LoihiRunFile } from "../sim/loihi/run-file.js";
import type { LayerTotals, RunFile } from "../sim/run-file.js";
import { sramFigure, synapseFigure, type Component, type EnergyTable, type Figure, type StepEvent } from "./table.js";

/** What a run counted, each count beside the figure by which a table prices it. Both kinds of chip come out as one kind of count. */

export const GROUPS = [
  "arithmetic",
  "sram",
  "dram",
  "neurons",
  "synapses",
  "attention",
  "messages",
  "inputs",
  "barriers",
  "power",
] as const;
export type EnergyGroup = (typeof GROUPS)[number];

export type AnyRun = RunFile | LoihiRunFile;

/** A count of one layer, or of the whole chip where there is no layer. */
export interface Count {
  readonly layer?: string;
  /** The engine that does it, or the memory. */
  readonly part: string;
  /** The event by its name in the table; `read spike`, `write data`, `DRAM`, `power`. */
  readonly what: string;
  readonly group: EnergyGroup;
  /** Events; bits of memories; chip-seconds of power. */
  readonly count: number;
  /** The same by timestep of a layer-by-layer chip or step of a step-by-step chip, where a run counts it so. */
  readonly timesteps?: readonly number[];
  /** What a price of it would cover. */
  readonly component: Component;
  readonly figure: Figure | undefined;
}

/** The counts of a run, those of value 0 left out. */
export function countsOf(run: AnyRun, table: EnergyTable): readonly Count[] {
  const counts = "target" in run ? loihiCountsOf(run, table) : layerwiseCountsOf(run, table);
  return [...counts, ...powerOf(run, table)].filter(({ count }) => count !== 0);
}

/** Static and other power: chips x simulated time. */
function powerOf(run: AnyRun, { power }: EnergyTable): readonly Count[] {
  if (power === undefined) return [];
  const { watts, ...standing } = power;
  const chips = "target" in run ? run.chip.chips : 1;
  const what = power.covers.join() === "static" ? "static power" : "power";
  const figure = { joules: watts, ...standing };
  return [{ part: "chip", what, group: "power", count: chips * run.seconds, component: "static", figure }];
}

const ENGINE = {
  ac: "accumulate",
  mac: "accumulate",
  update: "fire",
  kv: "attend",
  qa: "attend",
  add: "vector",
  compare: "vector",
  bit: "vector",
} as const;
const ARITHMETIC = Object.keys(ENGINE) as readonly (keyof typeof ENGINE)[];

/** Only the vector engine works for layers that score and select tokens: their multiplications are its own. */
function engineOf(event: keyof typeof ENGINE, { kind }: LayerTotals): string {
  return event === "mac" && kind.startsWith("tokens.") ? "vector" : ENGINE[event];
}

function layerwiseCountsOf(run: RunFile, table: EnergyTable): readonly Count[] {
  return run.layers.flatMap((layer) => [
    ...ARITHMETIC.map((event) => ({
      layer: layer.name,
      part: engineOf(event, layer),
      what: event,
      group: "arithmetic" as const,
      count: sum(layer.events[event]),
      timesteps: layer.events[event],
      component: "arithmetic" as const,
      figure: table.events[event],
    })),
    ...(["spike", "weight", "data"] as const).flatMap((memory) => {
      const { reads, writes } = layer.accesses[memory];
      const { bytes, wordBytes } = run.chip.memories[memory];
      const access = (what: string, accesses: number): Count => ({
        layer: layer.name,
        part: `${memory} memory`,
        what: `${what} ${memory}`,
        group: "sram",
        count: accesses * wordBytes * 8,
        component: "sram",
        figure: sramFigure(table, bytes),
      });
      return [access("read", reads), access("write", writes)];
    }),
    {
      layer: layer.name,
      part: "DRAM",
      what: "DRAM",
      group: "dram",
      count: (layer.dram.read + layer.dram.written) * 8,
      component: "dram",
      figure: table.dram,
    } as const,
  ]);
}

type LoihiEvents = LoihiLayerTotals["events"];

interface StepCount {
  readonly what: StepEvent;
  readonly of: (events: LoihiEvents) => readonly number[];
  readonly part: string;
  readonly group: EnergyGroup;
  readonly component: Component;
}

const stepCount = (
  what: StepEvent,
  of: keyof LoihiEvents | StepCount["of"],
  part: string,
  group: EnergyGroup,
  component: Component,
): StepCount => ({ what, of: typeof of === "string" ? (events) => events[of] : of, part, group, component });

const NEURONS = [
  stepCount("neuronAccess", "access", "neurons", "neurons", "arithmetic"),
  stepCount("neuronUpdate", "update", "neurons", "neurons", "arithmetic"),
];
/** The same compartments and steps, cut in two: each is accessed in each step, whether or not it is updated. */
const BY_ACTIVITY = [
  stepCount("neuronActive", "update", "neurons", "neurons", "arithmetic"),
  stepCount(
    "neuronInactive",
    ({ access, update }) => access.map((n, step) => n - update[step]!),
    "neurons",
    "neurons",
    "arithmetic",
  ),
];
/** A message is given off by a sender and taken in by an ingress. */
const OTHERS = [
  stepCount("spikeOut", "spike", "neurons", "neurons", "arithmetic"),
  stepCount("messageOut", "message", "network", "messages", "noc"),
  stepCount("messageIn", "message", "network", "messages", "noc"),
  stepCount("withinTile", "withinTile", "network", "messages", "noc"),
  stepCount("hopX", "hopX", "network", "messages", "noc"),
  stepCount("hopY", "hopY", "network", "messages", "noc"),
  stepCount("chipHop", "chipHop", "network", "messages", "noc"),
  stepCount("hostInput", "hostInput", "network", "inputs", "noc"),
];

function loihiCountsOf(run: LoihiRunFile, table: EnergyTable): readonly Count[] {
  const { steps } = table;
  const events = [...(steps?.neuronActive === undefined ? NEURONS : BY_ACTIVITY), ...OTHERS];
  const barrier = { part: "barriers", what: "barrier", group: "barriers", component: "control" } as const;
  return [
    ...run.layers.flatMap(({ name: layer, events: counted, synapses }) => [
      ...events.map(({ what, of, part, group, component }) => {
        const timesteps = of(counted);
        return { layer, part, what, group, component, count: sum(timesteps), timesteps, figure: steps?.[what] };
      }),
      ...Object.entries(synapses).map(([format, timesteps]) => ({
        layer,
        part: "synapses",
        what: `synapse ${format}`,
        group: "synapses" as const,
        component: "arithmetic" as const,
        count: sum(timesteps),
        timesteps,
        // A table without events of such chips prices their additions alone.
        figure: steps === undefined ? table.events.ac : synapseFigure(table, format),
      })),
      ...attentionCounts(run, layer, counted, table),
    ]),
    { ...barrier, count: run.barriers * run.samples.length, figure: steps?.barrier },
  ];
}

/** By group additions where the table has a figure for these, else by the additions of all lanes. */
function attentionCounts(run: LoihiRunFile, layer: string, events: LoihiEvents, table: EnergyTable): readonly Count[] {
  const common = { layer, part: "attention", group: "attention", component: "arithmetic" } as const;
  return (["kv", "qa"] as const).map((event) => {
    const groups = events[event];
    const timesteps = table.steps === undefined ? groups.map((n) => n * run.chip.lanes) : groups;
    const figure = table.steps === undefined ? table.events[event] : table.steps.attention;
    return { ...common, what: `attention ${event}`, count: sum(timesteps), timesteps, figure };
  });
}
