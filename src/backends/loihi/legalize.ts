import type { LoihiChip } from "../../chips/loihi.js";
import { Report } from "../../diagnostics/index.js";
import { isSpike, netTimesteps, printType, slotSize, valueTypes, type Net } from "../../ir/index.js";
import type { PassTable } from "../../passes/pass.js";
import { chainDelays } from "./chains.js";
import { loihiDiagnostics } from "./diagnostics.js";
import { hostTable, prefixOf, suffixOf } from "./host.js";
import type { LegalInput, LegalNet } from "./legal-net.js";
import { Graph, localTime, synapticDelay } from "./local-time.js";
import { lowerNet, type Lowered } from "./lower.js";
import type { Approximation } from "./lower-neuron.js";
import { splitNet, type Split } from "./split.js";
import type { NeuronNote } from "./values.js";
import { shortage, streamCost, type StreamCost } from "./stream-cost.js";

export const STREAMS = ["auto", "unroll", "relay"] as const;

export interface LegalizeOptions {
  /** Sums of a stream in every neuron that reads it, or in relays; auto: what fits, and then what has fewer synapse bits. */
  readonly streams?: (typeof STREAMS)[number];
  /** Where what stands behind the last spikes is computed; the chip can only where nothing does. */
  readonly head?: "host" | "chip";
  /** What may be rounded where it has no exact form. */
  readonly allow?: ReadonlySet<Approximation>;
}

/** Passes that bring a net into integers that the chip has: thresholds on its registers, sums that need no rounding. */
export function loihiPipeline(chip: LoihiChip, timesteps: number): string {
  const { thresholdShift, gradedBits } = chip.numerics;
  // A sum has 21 bits and a sign: potentials of 22 bits in `quantize` keep sums from wrapping where it proves that they fit. Streams
  // have to fit with their bits of fraction, and a payload without.
  const widest = Math.max(8, 22 - (timesteps - 1));
  const bits = Math.min(widest, gradedBits === 0 ? widest : Math.max(8, gradedBits));
  const options = `sums=exact threshold-shift=${thresholdShift} truncation=decay state-bits=22 stream-bits=${bits}`;
  return `fold-batchnorm,canonicalize,drop-dead,quantize{${options}},canonicalize,drop-dead`;
}

interface Way {
  readonly name: "unroll" | "relay";
  readonly lowered: Lowered;
  readonly cost: StreamCost;
  readonly short: readonly string[];
}

/**
 * A net in integers as a net that only contains what the chip has, with the host's parts beside it. The spikes of every layer
 * stay the same, bit for bit, unless something is allowed to be approximate. Undefined with the reasons in `report`.
 */
export function legalize(net: Net, chip: LoihiChip, options: LegalizeOptions, report: Report): LegalNet | undefined {
  const before = report.errors.length;
  const split = splitNet(net);
  const inputs = legalInputs(net, split, chip, report);
  if (options.head === "chip") checkHead(split, report);
  const allow = options.allow ?? new Set<Approximation>();
  const [unrolled, relayed] = (["unroll", "relay"] as const).map((streams) => {
    const own = new Report();
    const lowered = lowerNet(net, split, chip, { streams, allow }, own);
    if (own.failed || report.errors.length > before) return { streams, own };
    const cost = streamCost(lowered.net, lowered.populations, chip);
    return { streams, own, way: { name: streams, lowered, cost, short: shortage(cost, chip) } satisfies Way };
  }) as [Attempt, Attempt];
  const wanted = options.streams ?? "auto";
  const chosen = wanted === "relay" ? relayed : wanted === "unroll" ? unrolled : better(unrolled, relayed);
  for (const diagnostic of chosen.own.diagnostics) report.add(diagnostic);
  if (chosen.way === undefined || report.errors.length > before) return undefined;
  const { lowered } = chosen.way;
  const timed = localTime(new Graph(lowered.net, lowered.populations), lowered.populations);
  if (timed.contradiction.length > 0) {
    const layers = lowered.populations
      .filter(({ value }) => timed.contradiction.includes(value))
      .map(({ layer }) => layer);
    const message = `\`${layers.join("`, `")}\` wait for each other: every connection takes a step, and the delays around them are shorter`;
    const hint = "give each connection of the cycle a `delay` of 1, or join its layers";
    return report.add(loihiDiagnostics.make("local-time", message, { hint }));
  }
  const { maxDelay } = chip.numerics;
  const chained = chainDelays({ ...lowered, inputs, starts: timed.starts }, maxDelay);
  if (!delaysFit(chained, maxDelay, report)) return undefined;
  const { suffix, suffixInputs, outputs } = suffixOf(net, split);
  const prefix = prefixOf(net, split);
  return {
    net: chained.net,
    ...(prefix === undefined ? {} : { prefix }),
    ...(suffix === undefined ? {} : { suffix }),
    timesteps: netTimesteps(net),
    inputs: chained.inputs,
    suffixInputs,
    outputs,
    populations: chained.populations,
    starts: chained.starts,
    tables: [hostTable(net, split), streamTable([unrolled, relayed], chosen), populationTable(lowered.neurons)],
    notes: notesOf(lowered.neurons, chained.neurons, chained.copies, maxDelay),
  };
}

/** The outputs of the chip are spikes, so currents and their means leave it over the host alone. */
function checkHead(split: Split, report: Report): void {
  const [first] = split.suffix;
  if (first === undefined) return;
  const message = `${split.suffix.length} ops stand behind the last spikes, the first is %${first.result} (${first.name}); the outputs of the chip are spikes`;
  const hint = "use head = host, or end the network in neurons";
  report.add(loihiDiagnostics.make("unsupported-value", message, { hint }));
}

interface Attempt {
  readonly streams: Way["name"];
  readonly own: Report;
  readonly way?: Way;
}

function better(unrolled: Attempt, relayed: Attempt): Attempt {
  if (unrolled.way === undefined || relayed.way === undefined) return relayed.way === undefined ? unrolled : relayed;
  const [a, b] = [unrolled.way, relayed.way];
  if ((a.short.length === 0) !== (b.short.length === 0)) return a.short.length === 0 ? unrolled : relayed;
  return b.cost.synapseBits < a.cost.synapseBits ? relayed : unrolled;
}

/** Inputs of the chip's net; graded ones need messages with a payload. */
function legalInputs(net: Net, split: Split, chip: LoihiChip, report: Report): readonly LegalInput[] {
  const types = valueTypes(net);
  const { gradedBits } = chip.numerics;
  const made = new Set(split.prefix.map((op) => op.result));
  return split.chipReads.flatMap((name): readonly LegalInput[] => {
    const type = types.get(name)!;
    const from = made.has(name) ? ("prefix" as const) : ("network" as const);
    if (isSpike(type)) return [{ name, from, source: name, format: "spike" }];
    const { number } = type;
    if (number.kind === "real") {
      const hint = "run the pass `quantize` first: real values become integers on the host";
      report.add(
        loihiDiagnostics.make("graded-values", `the chip would read \`%${name}\`, ${printType(type)}`, { hint }),
      );
      return [];
    }
    const limit = 2 ** (gradedBits - 1);
    if (gradedBits === 0 || number.lo < -limit || number.hi >= limit) {
      const has = gradedBits === 0 ? "messages without payload" : `payloads of ${gradedBits} bits`;
      const message = `the host would put ${slotSize(type)} integers in ${number.lo}..${number.hi} per timestep into the chip (\`%${name}\`), which has ${has}`;
      const hint =
        "use a chip with graded messages, a net whose inputs are spikes, or fewer stream-bits in `quantize` where payloads are too narrow";
      report.add(loihiDiagnostics.make("graded-values", message, { hint }));
      return [];
    }
    return [{ name, from, source: name, format: "graded" }];
  });
}

/** Whether every synapse has a delay that the chip has. */
function delaysFit(chained: ReturnType<typeof chainDelays>, maxDelay: number, report: Report): boolean {
  const graph = new Graph(chained.net, chained.populations);
  const wrong = chained.populations
    .filter(({ kind }) => kind !== "attention")
    .flatMap((population) => graph.connectionsTo(population))
    .map((connection) => ({ connection, delay: synapticDelay(graph, chained.starts, connection) }))
    .find(({ delay }) => delay < 1 || delay > maxDelay);
  if (wrong === undefined) return true;
  const { from, to } = wrong.connection;
  const message = `\`%${to}\` hears \`%${from}\` after ${wrong.delay} steps as well as over other ways; synapses delay by 1..${maxDelay}`;
  report.add(loihiDiagnostics.make("local-time", message, { hint: "use shorter delays in the network" }));
  return false;
}

function streamTable(attempts: readonly Attempt[], chosen: Attempt): PassTable {
  const rows = attempts.map(({ streams, own, way }) => {
    const mark = streams === chosen.streams ? "chosen" : "";
    if (way === undefined) return [streams, "", "", "", "", own.errors[0]?.message ?? "impossible"];
    const { synapses, synapseBits, compartments, messages } = way.cost;
    const numbers = [synapses, synapseBits, compartments, messages].map((n) => n.toLocaleString("en"));
    return [streams, ...numbers, [mark, ...way.short].filter((text) => text !== "").join("; ")];
  });
  const header = [
    "streams",
    "synapses",
    "synapse bits, unshared",
    "compartments",
    "messages per timestep, at most",
    "",
  ];
  return { title: "streams", header, rows };
}

function populationTable(neurons: readonly NeuronNote[]): PassTable {
  return {
    title: "populations",
    header: ["layer", "what", "neurons", "thresholds", "current times", "range"],
    rows: neurons.map(({ layer, what, elements, thresholds, shift, proved, moved }) => [
      layer,
      what,
      String(elements),
      String(thresholds),
      `2^${shift}`,
      `${proved ? "proved" : "saturation is counted"}${moved === 0 ? "" : `, ${moved} approximate`}`,
    ]),
  };
}

function notesOf(neurons: readonly NeuronNote[], added: number, copies: number, maxDelay: number): readonly string[] {
  const unproved = neurons.filter(({ proved }) => !proved).map(({ layer }) => layer);
  const moved = neurons.reduce((sum, note) => sum + note.moved, 0);
  return [
    ...(copies === 0 ? [] : [`${copies} chains with ${added} neurons carry spikes further than ${maxDelay} steps`]),
    ...(unproved.length === 0
      ? []
      : [
          `bounds do not prove that ${unproved.length} layers stay inside the chip's ranges; saturation is counted at run time: ${unproved.join(", ")}`,
        ]),
    ...(moved === 0 ? [] : [`${moved} thresholds and biases are approximate`]),
  ];
}
