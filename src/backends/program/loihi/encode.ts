import { Builder } from "flatbuffers";
import { doubleVector, intVector, layerTable, offsetVector } from "../encode.js";
import { ArrayWriter } from "./arrays.js";
import type { Core, Group, HostNet, LoihiInput, LoihiOutput, LoihiProgram, Population, Routes } from "./program.js";

/** Identifier of the first section of a program for a step-by-step chip. */
export const LOIHI_IDENTIFIER = "SPKL";

export const GROUP_KINDS = ["neuron", "relay"] as const;
export const CORE_KINDS = ["neuro", "attention"] as const;
export const RESETS = ["absolute", "linear"] as const;
export const INPUT_FORMATS = ["spike", "graded"] as const;

/** The sections of a program file: the FlatBuffer (schema: loihi.fbs) and the arrays that its tables count on. */
export function encodeLoihi(program: LoihiProgram): readonly [Uint8Array, Uint8Array] {
  const arrays = new ArrayWriter();
  const builder = new Builder(1024);
  const vector = <T>(items: readonly T[], write: (item: T) => number): number =>
    offsetVector(
      builder,
      items.map((item) => write(item)),
    );
  // Arrays follow in the order of the tables.
  const cores = vector(program.cores, (core) => coreTable(builder, core, arrays));
  const inputs = vector(program.inputs, (input) => inputTable(builder, input, arrays));
  const outputs = vector(program.outputs, (output) => outputTable(builder, output));
  const { prefix, suffix, wiring } = program.host;
  const hosts = vector([prefix, suffix], (host) => hostTable(builder, host, arrays));
  const name = builder.createString(program.name);
  const target = builder.createString(program.target);
  const chip = builder.createString(JSON.stringify(program.chip));
  const layers = vector(program.layers, (layer) => layerTable(builder, layer));
  const populations = vector(program.populations, (population) => populationTable(builder, population));
  const wires = builder.createString(wiring === undefined ? "" : JSON.stringify(wiring));
  const notes = vector(program.notes, (note) => builder.createString(note));
  const lengths = doubleVector(builder, arrays.lengths);
  builder.startObject(14);
  builder.addFieldOffset(0, name, 0);
  builder.addFieldOffset(1, target, 0);
  builder.addFieldOffset(2, chip, 0);
  builder.addFieldFloat64(3, program.timesteps, 0);
  builder.addFieldFloat64(4, program.steps, 0);
  builder.addFieldOffset(5, layers, 0);
  builder.addFieldOffset(6, populations, 0);
  builder.addFieldOffset(7, cores, 0);
  builder.addFieldOffset(8, inputs, 0);
  builder.addFieldOffset(9, outputs, 0);
  builder.addFieldOffset(10, hosts, 0);
  builder.addFieldOffset(11, wires, 0);
  builder.addFieldOffset(12, notes, 0);
  builder.addFieldOffset(13, lengths, 0);
  builder.finish(builder.endObject(), LOIHI_IDENTIFIER);
  return [builder.asUint8Array(), arrays.finish()];
}

function named(
  builder: Builder,
  name: string,
  kind: number,
  ints: readonly number[],
  tables?: readonly number[],
): number {
  const text = builder.createString(name);
  const numbers = intVector(builder, ints);
  const offsets = offsetVector(builder, tables ?? []);
  builder.startObject(4);
  builder.addFieldOffset(0, text, 0);
  builder.addFieldInt32(1, kind, 0);
  builder.addFieldOffset(2, numbers, 0);
  builder.addFieldOffset(3, offsets, 0);
  return builder.endObject();
}

function populationTable(builder: Builder, { name, layer, neurons, start }: Population): number {
  return named(builder, name, 0, [layer, neurons, start]);
}

function groupTable(builder: Builder, group: Group, arrays: ArrayWriter): number {
  const { population, first, kind, decayU, decayV, refractory, vMin, vMax, currentShift, crossbar } = group;
  for (const array of [group.neurons, group.threshold, group.bias]) arrays.add(array);
  const ints = [population, first, decayU, decayV, refractory, vMin, vMax, currentShift];
  if (crossbar !== undefined) {
    ints.push(crossbar.negativeThreshold, RESETS.indexOf(crossbar.reset), crossbar.resetPotential);
  }
  return named(builder, "", GROUP_KINDS.indexOf(kind), ints);
}

function addRoutes({ start, core, axon }: Routes, arrays: ArrayWriter): void {
  for (const array of [start, core, axon]) arrays.add(array);
}

function coreTable(builder: Builder, core: Core, arrays: ArrayWriter): number {
  const kind = CORE_KINDS.indexOf(core.kind);
  if (core.kind === "attention") {
    const { tile, slot, population, heads, headDim, tokens, chunk, firstChannel } = core;
    addRoutes(core.routes, arrays);
    return named(builder, "", kind, [tile, slot, population, heads, headDim, tokens, chunk, firstChannel]);
  }
  const groups = core.groups.map((group) => groupTable(builder, group, arrays));
  const { axons, lists } = core;
  for (const array of [axons.start, axons.list, axons.base]) arrays.add(array);
  for (const array of [lists.start, lists.target, lists.weight, lists.delay, lists.format]) arrays.add(array);
  addRoutes(core.routes, arrays);
  return named(builder, "", kind, [core.tile, core.slot], groups);
}

function inputTable(builder: Builder, { name, format, shape, start, routes }: LoihiInput, arrays: ArrayWriter): number {
  addRoutes(routes, arrays);
  return named(builder, name, INPUT_FORMATS.indexOf(format), [start, ...shape]);
}

function outputTable(builder: Builder, { name, population, shape }: LoihiOutput): number {
  return named(builder, name, 0, [population, ...shape]);
}

function hostTable(builder: Builder, host: HostNet | undefined, arrays: ArrayWriter): number {
  if (host !== undefined) arrays.add(host.constants);
  return named(builder, host?.text ?? "", host === undefined ? 0 : 1, []);
}
