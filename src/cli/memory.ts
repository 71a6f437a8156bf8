import type { AnyProgram, Program } from "../backends/program/index.js";
import { REGION_KINDS } from "../backends/program/program.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import { layerwiseMemory, type Held, type LayerwiseMemory } from "../report/memory/layerwise.js";
import { loihiMemory, type HeldBits } from "../report/memory/loihi.js";
import type { TableMemory } from "../report/memory/table-convention.js";
import { count, percent, table } from "./text.js";

/** `inspect --memory`: what a program holds where. */

export function memoryText(path: string, program: AnyProgram): string {
  return program.target === "loihi" ? loihiText(path, program) : layerwiseText(path, program);
}

export function memoryJson(program: AnyProgram): object {
  const { name, target, chip, timesteps } = program;
  const head = { name, target, chip: chip.name, timesteps };
  if (program.target === "loihi") return { ...head, steps: program.steps, unit: "bits", ...loihiMemory(program) };
  return { ...head, unit: "bytes", ...layerwiseMemory(program), regions: program.regions };
}

/** Kinds that some row has, in their order. */
const kindsIn = (rows: readonly Held[]): readonly (keyof Held)[] =>
  REGION_KINDS.filter((kind) => rows.some((held) => held[kind] !== undefined));

const cells = (held: Held, kinds: readonly (keyof Held)[]): readonly string[] =>
  kinds.map((kind) => (held[kind] === undefined ? "-" : count(held[kind])));

function layerwiseText(path: string, program: Program): string {
  const memory = layerwiseMemory(program);
  const { places, onChip, layers, attention, widths } = memory;
  const held = kindsIn([...places.map((place) => place.held), onChip.held]);
  const kinds = kindsIn(layers.map((layer) => layer.kinds));
  const { instructions, chip, timesteps } = program;
  const capacity = places.reduce((sum, place) => sum + (place.capacity ?? 0), 0);
  return [
    `${path}: net @${program.name} for ${chip.name}, ${timesteps} timesteps, ${count(instructions.length)} instructions; all sizes in bytes`,
    `a weight has ${widths.weight} bits, a spike 1, a current or stream ${widths.data}, a potential ${widths.potential}${widths.potential < 32 ? " in a place of 32" : ""}`,
    "",
    "most held at once, and what it is then",
    table([
      ["memory", "capacity", "needed", "peak", "of capacity", "at", ...held],
      ...places.map((place) => [
        place.place,
        place.capacity === undefined ? "-" : count(place.capacity),
        count(place.end),
        count(place.peak),
        place.capacity === undefined ? "-" : percent(place.peak / place.capacity, 1),
        count(place.instruction),
        ...cells(place.held, held),
      ]),
      [
        "on chip",
        count(capacity),
        "-",
        count(onChip.peak),
        percent(onChip.peak / capacity, 1),
        count(onChip.instruction),
        ...cells(onChip.held, held),
      ],
    ]),
    "",
    "most that a layer holds at once: of each kind on chip, of all kinds together, and in DRAM",
    table([
      ["layer", "op", ...kinds, "on chip", "DRAM"],
      ...layers.map((layer) => [
        layer.layer ?? "(ports, constants)",
        layer.op ?? "",
        ...cells(layer.kinds, kinds),
        count(layer.onChip),
        count(layer.dram),
      ]),
    ]),
    ...(attention.length === 0 ? [] : ["", attentionTable(program, attention)]),
    "",
    ...conventionLines(memory.table),
  ].join("\n");
}

function attentionTable({ chip }: Program, rows: LayerwiseMemory["attention"]): string {
  const { counters, counterBits } = chip.attention;
  return [
    `attention: counters of one head at a time, in registers (the chip has ${count(counters)} of ${counterBits} bits); queries among the spikes above`,
    table([
      ["layer", "heads", "counters of a head", "bits needed", "bytes of all heads", "bytes of queries"],
      ...rows.map(({ layer, heads, counters: own, counterBits: bits, queryBytes }) => [
        layer,
        String(heads),
        count(own),
        String(bits),
        count(Math.ceil((heads * own * bits) / 8)),
        count(queryBytes),
      ]),
    ]),
  ].join("\n");
}

/** 1234567 bytes → "1.23 MB", as papers count. */
const megabytes = (bytes: number): string => `${(bytes / 1e6).toPrecision(4)} MB`;

function conventionLines({ parameters, activations, m32, m32Weights, m8 }: TableMemory): readonly string[] {
  return [
    `as a paper counts, values instead of places: P = ${count(parameters)} weights and biases, A = ${count(activations)} neurons`,
    `32 bits 4 (P + A) = ${megabytes(m32)}, or with 8-bit activations 4 P + A = ${megabytes(m32Weights)}; 8 bits P + A = ${megabytes(m8)}`,
    "(STAtten, Table 6, states no formula; A as neurons of one timestep is our reading: docs/temporal-scheduling.md)",
  ];
}

function loihiText(path: string, program: LoihiProgram): string {
  const { chip } = program;
  const { cores, layers, total } = loihiMemory(program);
  const neuro = cores.filter(({ kind }) => kind === "neuro");
  const most = (of: (core: HeldBits) => number): string =>
    count(neuro.reduce((max, core) => Math.max(max, of(core)), 0));
  const columns = ["weights", "addressing", "potentials", "currents", "counters", "queries"] as const;
  const shown = columns.filter((column) => total[column] > 0);
  const row = (name: string, held: HeldBits): readonly string[] => [
    name,
    count(held.compartments),
    count(held.synapses),
    ...shown.map((column) => count(held[column])),
    count(held.inputAxons),
    count(held.outputAxons),
  ];
  const synapseBits = (held: HeldBits): number => held.weights + held.addressing;
  const full = neuro.length * chip.core.synapseBits;
  return [
    `${path}: net @${program.name} for ${chip.name}, ${program.timesteps} timesteps; all sizes in bits, held for the whole run`,
    `${count(cores.length)} cores; synapse memory ${count(synapseBits(total))} of ${count(full)} bits in ${count(neuro.length)} neuro-cores (${percent(synapseBits(total) / full, 1)}), ${most(synapseBits)} of ${count(chip.core.synapseBits)} in the fullest`,
    "",
    table([
      ["layer", "compartments", "synapses", ...shown, "in axons", "out axons"],
      ...layers.map((l) => row(l.layer, l)),
      row("all", total),
    ]),
    "",
    `addressing: indices, delays, tags, headers of blocks, and what fills words of ${chip.core.wordBits} bits up. Potentials${total.currents > 0 ? " and currents" : ""}: ${chip.numerics.stateBits} bits a compartment.`,
    "Axons are entries: the chip description limits their number and gives them no width.",
    "A paper's count of parameters does not follow from this program: weights are stored once per core and list that needs them.",
  ].join("\n");
}
