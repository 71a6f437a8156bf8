import { Builder } from "flatbuffers";
import { INSTRUCTIONS, OPCODES, type Field, type Instruction, type TokenUse } from "./instruction.js";
import {
  REGION_KINDS,
  REGION_PLACES,
  type MemoryRegion,
  type Port,
  type Program,
  type ProgramLayer,
} from "./program.js";

/** Identifier of the FlatBuffer section. */
export const FLATBUFFER_IDENTIFIER = "SPKP";

/** Names of the integer and of the real fields of each opcode, in the order of the table. */
export const FIELD_NAMES: readonly { readonly ints: readonly string[]; readonly reals: readonly string[] }[] =
  OPCODES.map((op) => {
    const fields: readonly (readonly [string, Field])[] = Object.entries(INSTRUCTIONS[op].fields);
    return {
      ints: fields.filter(([, field]) => field.real !== true).map(([name]) => name),
      reals: fields.filter(([, field]) => field.real === true).map(([name]) => name),
    };
  });

export function intVector(builder: Builder, values: readonly number[]): number {
  builder.startVector(4, values.length, 4);
  for (let i = values.length - 1; i >= 0; i--) builder.addInt32(values[i] ?? 0);
  return builder.endVector();
}

export function doubleVector(builder: Builder, values: readonly number[]): number {
  builder.startVector(8, values.length, 8);
  for (let i = values.length - 1; i >= 0; i--) builder.addFloat64(values[i] ?? 0);
  return builder.endVector();
}

export function offsetVector(builder: Builder, offsets: readonly number[]): number {
  builder.startVector(4, offsets.length, 4);
  for (let i = offsets.length - 1; i >= 0; i--) builder.addOffset(offsets[i] ?? 0);
  return builder.endVector();
}

export function layerTable(builder: Builder, layer: ProgramLayer): number {
  const name = builder.createString(layer.name);
  const kind = builder.createString(layer.kind);
  builder.startObject(5);
  builder.addFieldOffset(0, name, 0);
  builder.addFieldOffset(1, kind, 0);
  builder.addFieldInt8(2, layer.recorded ? 1 : 0, 0);
  builder.addFieldFloat64(3, layer.positions, 0);
  builder.addFieldFloat64(4, layer.channels, 0);
  return builder.endObject();
}

function portTable(builder: Builder, port: Port): number {
  const name = builder.createString(port.name);
  const shape = doubleVector(builder, port.shape);
  builder.startObject(6);
  builder.addFieldOffset(0, name, 0);
  builder.addFieldFloat64(1, port.dram, 0);
  builder.addFieldFloat64(2, port.slotStride, 0);
  builder.addFieldFloat64(3, port.slots, 0);
  builder.addFieldOffset(4, shape, 0);
  builder.addFieldInt8(5, port.format === "int" ? 1 : 0, 0);
  return builder.endObject();
}

function tokenVector(builder: Builder, uses: readonly TokenUse[]): number {
  return intVector(
    builder,
    uses.flatMap((use) => [use.token, use.count]),
  );
}

function instructionTable(builder: Builder, instruction: Instruction): number {
  const op = OPCODES.indexOf(instruction.op);
  const names = FIELD_NAMES[op] ?? { ints: [], reals: [] };
  const fields: Readonly<Record<string, number>> = instruction.fields;
  const ints = intVector(
    builder,
    names.ints.map((name) => fields[name] ?? 0),
  );
  const reals = doubleVector(
    builder,
    names.reals.map((name) => fields[name] ?? 0),
  );
  const waits = tokenVector(builder, instruction.waits);
  const signals = tokenVector(builder, instruction.signals);
  builder.startObject(6);
  builder.addFieldInt16(0, op, 0);
  builder.addFieldInt32(1, instruction.layer, 0);
  builder.addFieldOffset(2, ints, 0);
  builder.addFieldOffset(3, reals, 0);
  builder.addFieldOffset(4, waits, 0);
  builder.addFieldOffset(5, signals, 0);
  return builder.endObject();
}

function regionTable(
  builder: Builder,
  { name: text, kind, layer, place, address, size, first, last }: MemoryRegion,
): number {
  const name = builder.createString(text);
  const numbers = [REGION_KINDS.indexOf(kind), layer, REGION_PLACES.indexOf(place), address, size, first, last];
  const ints = intVector(builder, numbers);
  builder.startObject(2);
  builder.addFieldOffset(0, name, 0);
  builder.addFieldOffset(1, ints, 0);
  return builder.endObject();
}

/** The FlatBuffer section: everything of a program but its weights (schema: program.fbs). */
export function encodeFlatBuffer(program: Program): Uint8Array {
  const builder = new Builder(1024);
  const strings = (texts: readonly string[]): number =>
    offsetVector(
      builder,
      texts.map((text) => builder.createString(text)),
    );
  const name = builder.createString(program.name);
  const target = builder.createString(program.target);
  const chip = builder.createString(JSON.stringify(program.chip));
  const layers = offsetVector(
    builder,
    program.layers.map((layer) => layerTable(builder, layer)),
  );
  const inputs = offsetVector(
    builder,
    program.inputs.map((port) => portTable(builder, port)),
  );
  const outputs = offsetVector(
    builder,
    program.outputs.map((port) => portTable(builder, port)),
  );
  const opcodes = strings(OPCODES);
  const instructions = offsetVector(
    builder,
    program.instructions.map((i) => instructionTable(builder, i)),
  );
  const notes = strings(program.notes);
  const regions = offsetVector(
    builder,
    program.regions.map((region) => regionTable(builder, region)),
  );
  builder.startObject(13);
  builder.addFieldOffset(0, name, 0);
  builder.addFieldOffset(1, target, 0);
  builder.addFieldOffset(2, chip, 0);
  builder.addFieldFloat64(3, program.timesteps, 0);
  builder.addFieldFloat64(4, program.tokens, 0);
  builder.addFieldFloat64(5, program.dramBytes, 0);
  builder.addFieldOffset(6, layers, 0);
  builder.addFieldOffset(7, inputs, 0);
  builder.addFieldOffset(8, outputs, 0);
  builder.addFieldOffset(9, opcodes, 0);
  builder.addFieldOffset(10, instructions, 0);
  builder.addFieldOffset(11, notes, 0);
  builder.addFieldOffset(12, regions, 0);
  builder.finish(builder.endObject(), FLATBUFFER_IDENTIFIER);
  return builder.asUint8Array();
}
