import { z } from "zod";
import { loihiChipSchema } from "../../../chips/loihi.js";
import { readChipJson, readLayer } from "../decode.js";
import { FlatReader, programError } from "../reader.js";
import { ArrayReader } from "./arrays.js";
import { checkStructure } from "./check.js";
import { CORE_KINDS, GROUP_KINDS, INPUT_FORMATS, LOIHI_IDENTIFIER, RESETS } from "./encode.js";
import type { Core, Group, HostNet, HostWiring, LoihiProgram, Routes } from "./program.js";

const source = z.strictObject({
  name: z.string(),
  from: z.enum(["network", "prefix", "chip", "suffix"]),
  source: z.string(),
  every: z.number().int().positive().optional(),
});
const wiringSchema = z.strictObject({ inputs: z.array(source), suffix: z.array(source), outputs: z.array(source) });

/** Whether the first section of a file is of a program for a step-by-step chip. */
export function isLoihi(flat: Uint8Array): boolean {
  return String.fromCharCode(...flat.subarray(4, 8)) === LOIHI_IDENTIFIER;
}

/** Reads both sections and checks all of them. Throws a DiagnosticError for the first fault. */
export function decodeLoihi(flat: Uint8Array, section: Uint8Array, file: string): LoihiProgram {
  const reader = new FlatReader(flat, file);
  const root = reader.root(LOIHI_IDENTIFIER);
  if (reader.string(root, 1) !== "loihi") throw reader.fail("its target is not the one of its identifier");
  const arrays = new ArrayReader(section, reader.doubles(root, 13), file);
  const items = (id: number): readonly Item[] => reader.tables(root, id).map((table) => readItem(reader, table));
  // In the order in which the arrays were written.
  const cores = items(7).map((item) => readCore(item, arrays, reader));
  const inputs = items(8).map(({ name, kind, ints: [start = -1, ...shape] }) => {
    return { name, format: one(INPUT_FORMATS, kind, reader), shape, start, routes: readRoutes(arrays) };
  });
  const [prefix, suffix] = items(10).map(({ name, kind }): HostNet | undefined =>
    kind === 1 ? { text: name, constants: arrays.bytesArray() } : undefined,
  );
  arrays.finish();
  const wiring = readWiring(reader.string(root, 11), file);
  const program: LoihiProgram = {
    name: reader.string(root, 0),
    target: "loihi",
    chip: readChipJson(reader.string(root, 2), loihiChipSchema, file),
    timesteps: reader.double(root, 3),
    steps: reader.double(root, 4),
    layers: reader.tables(root, 5).map((table) => readLayer(reader, table)),
    populations: items(6).map(({ name, ints: [layer = -1, neurons = -1, start = -1] }) => ({
      name,
      layer,
      neurons,
      start,
    })),
    cores,
    inputs,
    outputs: items(9).map(({ name, ints: [population = -1, ...shape] }) => ({ name, population, shape })),
    host: {
      ...(prefix === undefined ? {} : { prefix }),
      ...(suffix === undefined ? {} : { suffix }),
      ...(wiring === undefined ? {} : { wiring }),
    },
    notes: reader.strings(root, 12),
  };
  const [fault] = checkStructure(program);
  if (fault !== undefined) throw programError("mapping", file, fault);
  return program;
}

interface Item {
  readonly name: string;
  readonly kind: number;
  readonly ints: readonly number[];
  readonly items: readonly Item[];
}

function readItem(reader: FlatReader, table: number, depth = 0): Item {
  const nested = reader.tables(table, 3);
  if (depth > 0 && nested.length > 0) throw reader.fail("its tables are nested too deeply");
  return {
    name: reader.string(table, 0),
    kind: reader.int(table, 1),
    ints: reader.ints(table, 2),
    items: nested.map((each) => readItem(reader, each, depth + 1)),
  };
}

function one<T>(names: readonly T[], kind: number, reader: FlatReader): T {
  const name = names[kind];
  if (name === undefined) throw reader.fail(`there is no kind ${kind}`);
  return name;
}

function readRoutes(arrays: ArrayReader): Routes {
  return { start: arrays.ints(), core: arrays.ints(), axon: arrays.ints() };
}

function readGroup({ kind, ints }: Item, arrays: ArrayReader, reader: FlatReader): Group {
  const [
    population = -1,
    first = -1,
    decayU = -1,
    decayV = -1,
    refractory = -1,
    vMin = 1,
    vMax = -1,
    currentShift = 0,
    negativeThreshold,
    reset = -1,
    resetPotential = NaN,
  ] = ints;
  const [neurons, threshold, bias] = [arrays.ints(), arrays.ints(), arrays.ints()];
  const registers = { decayU, decayV, refractory, vMin, vMax, currentShift };
  const crossbar = negativeThreshold !== undefined && {
    crossbar: { negativeThreshold, reset: one(RESETS, reset, reader), resetPotential },
  };
  return {
    population,
    first,
    neurons,
    kind: one(GROUP_KINDS, kind, reader),
    ...registers,
    ...crossbar,
    threshold,
    bias,
  };
}

function readCore(item: Item, arrays: ArrayReader, reader: FlatReader): Core {
  const [tile = -1, slot = -1, population = -1, heads = -1, headDim = -1, tokens = -1, chunk = -1, firstChannel = -1] =
    item.ints;
  if (one(CORE_KINDS, item.kind, reader) === "attention") {
    const routes = readRoutes(arrays);
    return { kind: "attention", tile, slot, population, heads, headDim, tokens, chunk, firstChannel, routes };
  }
  const groups = item.items.map((group) => readGroup(group, arrays, reader));
  const axons = { start: arrays.ints(), list: arrays.ints(), base: arrays.ints() };
  const [start, target, weight] = [arrays.ints(), arrays.ints(), arrays.ints()];
  const lists = { start, target, weight, delay: arrays.bytesArray(), format: arrays.bytesArray() };
  return { kind: "neuro", tile, slot, groups, axons, lists, routes: readRoutes(arrays) };
}

function readWiring(text: string, file: string): HostWiring | undefined {
  if (text === "") return undefined;
  try {
    return wiringSchema.parse(JSON.parse(text)) as HostWiring;
  } catch {
    throw programError("corrupt", file, "how the host's parts hang together is not readable");
  }
}
