import { LOIHI_CHIPS, readChip } from "../../../chips/index.js";
import type { LoihiChip } from "../../../chips/loihi.js";
import { internalError, Report } from "../../../diagnostics/index.js";
import type { Net } from "../../../ir/index.js";
import type { Core, HostNet, LoihiProgram } from "../../program/loihi/program.js";
import { checkMapping } from "../check-mapping.js";
import { loihiDiagnostics } from "../diagnostics.js";
import type { LegalNet } from "../legal-net.js";
import { headElements } from "./attention.js";
import { ESTIMATED, ratesOf, type Activity } from "./activity.js";
import { assemble, type Assembled } from "./assemble.js";
import { bottleneckOf, fillCores, type Cores } from "./cores.js";
import { neuronConfigurations } from "./neurons.js";
import { mappingNotes, spreadNote } from "./notes.js";
import { place, slotsOf, type Traffic } from "./place.js";
import { RESOURCE_NAMES, type Resource } from "./resources.js";
import { spread } from "./spread.js";
import type { Sources } from "./synapses.js";

/** What is mapped for. */
export const MAP_OBJECTIVES = ["time", "cores"] as const;
export type MapObjective = (typeof MAP_OBJECTIVES)[number];

export interface MapOptions {
  /** Writes a part of the network that the host computes: the formats of files are not the mapper's business. */
  readonly writeHost: (net: Net) => HostNet;
  /** Of the local search for places; the same seed gives the same program. Default 0. */
  readonly seed?: number;
  /** Whether several populations may share a core. Default: yes. */
  readonly pack?: boolean;
  /** `time`: cores that are left free make steps shorter; `cores`: as few cores as are found. Default: `time`. */
  readonly objective?: MapObjective;
  /** How often elements send; default: as estimated. */
  readonly activity?: Activity;
}

/**
 * Maps a legal net onto the cores of a chip: cuts its populations into cores, places those, writes their tables. Undefined with the
 * reasons in `report`: a number that registers or formats do not hold, a neuron too large for a core, more cores than there are.
 */
export function compileLoihi(
  legal: LegalNet,
  chip: LoihiChip,
  options: MapOptions,
  report: Report,
): LoihiProgram | undefined {
  const before = report.errors.length;
  const configurations = neuronConfigurations(legal, chip, report);
  if (report.errors.length > before) return undefined;
  const pack = options.pack ?? true;
  const few = fillCores(legal, configurations, chip, pack, report);
  if (few === undefined) return undefined;
  if (!enoughCores(legal, few, chip, pack, report)) return undefined;
  const { sources } = few.reader;
  const activity = options.activity ?? ESTIMATED;
  const rates = ratesOf(legal, sources, activity);
  const fast = options.objective === "cores" ? undefined : spread(few, legal, configurations, chip, rates);
  const cores = fast?.cores ?? few;
  const assembled = assemble(legal, cores, configurations, chip);
  const kinds = assembled.cores.map(({ kind }) => kind === "attention");
  const traffic = trafficOf(assembled, sources, rates);
  const placement = place(kinds, traffic, chip, options.seed ?? 0);
  const { prefix, suffix, inputs, suffixInputs, outputs } = legal;
  const program: LoihiProgram = {
    name: legal.net.name,
    ...assembled,
    cores: assembled.cores.map((core, i): Core => ({ ...core, ...placement.slots[i]! })),
    host: {
      ...(prefix === undefined ? {} : { prefix: options.writeHost(prefix) }),
      ...(suffix === undefined ? {} : { suffix: options.writeHost(suffix) }),
      wiring: {
        inputs: inputs.map(({ name, from, source }) => ({ name, from, source })),
        suffix: suffixInputs,
        outputs,
      },
    },
    notes: [...legal.notes, spreadNote(few, fast), ...mappingNotes(legal, cores, chip, placement, activity)],
  };
  const faults = checkMapping(program, legal);
  if (faults.length > 0) throw internalError(`the mapping is not that of the net: ${faults.slice(0, 3).join("; ")}`);
  return program;
}

/** Messages between cores over a sample: a neuron sends one per spike to each core that hears it. `rates` are by timestep. */
function trafficOf({ cores, populations, timesteps }: Assembled, sources: Sources, rates: Float64Array): Traffic {
  const firsts = populations.map(({ name }) => sources.first[sources.index.get(name)!]!);
  const rows = cores.map((core) => {
    const row = new Map<number, number>();
    const { routes } = core;
    const send = (sender: number, population: number, element: number): void => {
      const amount = timesteps * rates[firsts[population]! + element]!;
      for (let r = routes.start[sender]!; r < routes.start[sender + 1]!; r++) {
        const to = routes.core[r]!;
        row.set(to, (row.get(to) ?? 0) + amount);
      }
    };
    if (core.kind === "neuro") {
      for (const { population, first, neurons } of core.groups)
        neurons.forEach((j, c) => send(first + c, population, j));
    } else {
      const { neurons } = populations[core.population]!;
      headElements(core, neurons).forEach((element, o) => send(o, core.population, element));
    }
    return row;
  });
  const all = rows.flatMap((row, from) => [...row].map(([to, amount]) => ({ from, to, amount })));
  return {
    from: all.map(({ from }) => from),
    to: all.map(({ to }) => to),
    amount: all.map(({ amount }) => amount),
  };
}

/** Whether the chip has the cores; if not, a table of what fills them, worst layers first, and what would help. */
function enoughCores(legal: LegalNet, cores: Cores, chip: LoihiChip, pack: boolean, report: Report): boolean {
  const slots = slotsOf(chip);
  const chips = chip.mesh.chipsX * chip.mesh.chipsY;
  const kinds = [
    { what: "neuro-cores", used: cores.neuro.length, there: slots.neuro.length },
    { what: "attention cores", used: cores.attention.length, there: slots.attention.length },
  ];
  const short = kinds.filter(({ used, there }) => used > there);
  if (short.length === 0) return true;
  const layers = short.includes(kinds[0]!) ? neuroCoresByLayer(legal, cores, chip) : [];
  const heads = short.includes(kinds[1]!) ? attentionCoresByLayer(legal, cores) : [];
  const message = `the network needs ${short.map(({ what, used, there }) => `${used} ${what}, the chip has ${there}`).join("; and ")}`;
  const notes = [...layers.map(({ text }) => text), ...heads].map((row) => ({ message: row }));
  const enough = Math.max(...short.map(({ used, there }) => Math.ceil(used / (there / chips))));
  const ways = [
    ...otherChips(legal, cores, chip, pack).slice(0, 1),
    ...(enough === Infinity ? [] : [`${enough} such chips (mesh.chipsX x mesh.chipsY; now ${chips})`]),
    ...(layers.some(({ resource }) => resource === "synapseBits") ? ["fewer weight bits"] : []),
    "a smaller network",
  ];
  report.add(loihiDiagnostics.make("too-large", message, { notes, hint: ways.join("; or ") }));
  return false;
}

interface LayerRow {
  readonly resource: Resource;
  readonly text: string;
}

/** Layers with the most neuro-cores, and what they have least left of. */
function neuroCoresByLayer(legal: LegalNet, cores: Cores, chip: LoihiChip): readonly LayerRow[] {
  return legal.populations
    .map(({ layer }, index) => {
      const own = cores.neuro.filter(({ parts }) => parts.some(({ part }) => part.population === index));
      return { layer, own, share: own.reduce((sum, { parts }) => sum + 1 / parts.length, 0) };
    })
    .filter(({ own }) => own.length > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, WORST)
    .map(({ layer, own }) => {
      const { resource, used } = bottleneckOf(
        own.map(({ usage }) => usage),
        chip,
      );
      const text = `${layer}: ${coreCount(own.length)}, fullest in ${RESOURCE_NAMES[resource]} (${used} of ${chip.core[resource]})`;
      return { resource, text };
    });
}

function attentionCoresByLayer({ populations }: LegalNet, { attention }: Cores): readonly string[] {
  return populations.flatMap(({ layer }, index) => {
    const own = attention.filter(({ population }) => population === index);
    const heads = own.reduce((sum, group) => sum + group.heads, 0);
    return own.length === 0 ? [] : [`${layer}: ${coreCount(own.length)} for ${heads} heads`];
  });
}

const coreCount = (n: number): string => `${n} core${n === 1 ? "" : "s"}`;

/** Layers that a network that is too large is explained by. */
const WORST = 8;

/**
 * Built-in chips of the same arithmetic that the network fits, fewest cores first. More of the same cores need no new cut, so others
 * are tried only where those are too few.
 */
function otherChips(legal: LegalNet, own: Cores, chip: LoihiChip, pack: boolean): readonly string[] {
  const quiet = new Report();
  const others = LOIHI_CHIPS.map((name) => readChip(name, quiet, "loihi")).filter(
    (other): other is LoihiChip =>
      other !== undefined && other.name !== chip.name && other.numerics.profile === chip.numerics.profile,
  );
  const hints = (chips: readonly LoihiChip[], coresOn: (other: LoihiChip) => Cores | undefined): readonly string[] =>
    chips
      .flatMap((other) => {
        const cores = coresOn(other);
        const { neuro, attention } = slotsOf(other);
        if (cores === undefined) return [];
        if (cores.neuro.length > neuro.length || cores.attention.length > attention.length) return [];
        return [{ name: other.name, used: cores.neuro.length }];
      })
      .sort((a, b) => a.used - b.used)
      .map(({ name, used }) => `the chip \`${name}\`, on which it takes ${coreCount(used)}`);
  const alike = hints(
    others.filter((other) => coreText(other) === coreText(chip)),
    () => own,
  );
  return alike.length > 0 ? alike : hints(others, (other) => coresOn(legal, other, pack));
}

/** What decides how a network is cut into cores. */
function coreText({ core, synapseFormats, numerics, attention }: LoihiChip): string {
  return JSON.stringify([core, synapseFormats, numerics, attention]);
}

/** Cores of another chip than the one that the net was made legal for; undefined where it has not what the net needs. */
function coresOn(legal: LegalNet, chip: LoihiChip, pack: boolean): Cores | undefined {
  const quiet = new Report();
  const { numerics, attention } = chip;
  if (legal.inputs.some(({ format }) => format === "graded") && numerics.gradedBits === 0) return undefined;
  if (legal.populations.some(({ kind }) => kind === "relay") && numerics.gradedBits === 0) return undefined;
  if (legal.populations.some(({ kind }) => kind === "attention") && attention === undefined) return undefined;
  const configurations = neuronConfigurations(legal, chip, quiet);
  return quiet.failed ? undefined : fillCores(legal, configurations, chip, pack, quiet);
}
