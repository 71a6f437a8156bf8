import type { z } from "zod";
import { layerwiseChipSchema, wordBytes } from "../../chips/layerwise.js";
import { type Report } from "../../diagnostics/index.js";
import { checkInstruction } from "./check.js";
import { programDiagnostics } from "./diagnostics.js";
import { FIELD_NAMES, FLATBUFFER_IDENTIFIER } from "./encode.js";
import { OPCODES, type FieldsOf, type Instruction, type Opcode, type TokenUse } from "./instruction.js";
import {
  REGION_KINDS,
  REGION_PLACES,
  type MemoryRegion,
  type Port,
  type Program,
  type ProgramLayer,
} from "./program.js";
import { FlatReader, programError } from "./reader.js";

/** What spikec is willing to simulate; a damaged file must not make it allocate more. */
const MAX_TIMESTEPS = 2 ** 20;
const MAX_TOKENS = 2 ** 24;
const MAX_LAYER_TIMESTEPS = 2 ** 22;
const MAX_RECORDED = 2 ** 30;
const MAX_DRAM = 2 ** 31 - 1;
const MAX_FAULTS = 20;

/** Reads the FlatBuffer section and checks every value of it. Throws a DiagnosticError where it cannot go on. */
export function decodeFlatBuffer(
  bytes: Uint8Array,
  weights: Uint8Array,
  file: string,
  report: Report,
): Program | undefined {
  const reader = new FlatReader(bytes, file);
  const root = reader.root(FLATBUFFER_IDENTIFIER);
  if (reader.string(root, 1) !== "layerwise") {
    throw programError("corrupt", file, "the program is for no chip family that spikec simulates");
  }
  const opcodes = reader.strings(root, 9);
  const header = {
    name: reader.string(root, 0),
    target: "layerwise" as const,
    chip: readChipJson(reader.string(root, 2), layerwiseChipSchema, file),
    timesteps: reader.double(root, 3),
    tokens: reader.double(root, 4),
    dramBytes: reader.double(root, 5),
    layers: reader.tables(root, 6).map((table) => readLayer(reader, table)),
    inputs: reader.tables(root, 7).map((table) => readPort(reader, table)),
    outputs: reader.tables(root, 8).map((table) => readPort(reader, table)),
    notes: reader.strings(root, 11),
    weights,
  };
  const instructions = reader
    .tables(root, 10)
    .map((table, index) => readInstruction(reader, table, index, opcodes, file));
  const regions = reader.tables(root, 12).map((table, index) => readRegion(reader, table, index, file));
  const program: Program = { ...header, instructions, regions };
  checkLimits(program, file);
  regions.forEach((region, index) => checkRegion(region, index, program, file));
  for (const port of [...program.inputs, ...program.outputs]) checkPort(port, program, file);
  return checkInstructions(program, file, report) ? program : undefined;
}

/** The chip description inside a program. Throws a DiagnosticError where it is not valid. */
export function readChipJson<T>(text: string, schema: z.ZodType<T>, file: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw programError("chip", file, "the chip description in the program is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw programError("chip", file, `chip description, \`${issue?.path.join(".") ?? ""}\`: ${issue?.message ?? ""}`);
}

export function readLayer(reader: FlatReader, table: number): ProgramLayer {
  return {
    name: reader.string(table, 0),
    kind: reader.string(table, 1),
    recorded: reader.bool(table, 2),
    positions: reader.double(table, 3),
    channels: reader.double(table, 4),
  };
}

function readPort(reader: FlatReader, table: number): Port {
  return {
    name: reader.string(table, 0),
    dram: reader.double(table, 1),
    slotStride: reader.double(table, 2),
    slots: reader.double(table, 3),
    shape: reader.doubles(table, 4),
    format: reader.bool(table, 5) ? "int" : "real",
  };
}

function readRegion(reader: FlatReader, table: number, index: number, file: string): MemoryRegion {
  const ints = reader.ints(table, 1);
  const [kind, place] = [REGION_KINDS[ints[0] ?? -1], REGION_PLACES[ints[2] ?? -1]];
  if (ints.length !== 7 || kind === undefined || place === undefined) {
    throw programError("region", file, `region ${index} is [${ints.join(", ")}]: no kind and place, or not 7 numbers`);
  }
  const [, layer = -1, , address = -1, size = 0, first = -1, last = -1] = ints;
  return { name: reader.string(table, 0), kind, layer, place, address, size, first, last };
}

function readTokens(values: readonly number[]): TokenUse[] | undefined {
  if (values.length % 2 !== 0) return undefined;
  return Array.from({ length: values.length / 2 }, (_, i) => ({
    token: values[2 * i] ?? -1,
    count: values[2 * i + 1] ?? 0,
  }));
}

function readInstruction(
  reader: FlatReader,
  table: number,
  index: number,
  opcodes: readonly string[],
  file: string,
): Instruction {
  const name = opcodes[reader.short(table, 0)];
  const op = OPCODES.findIndex((opcode) => opcode === name);
  const names = FIELD_NAMES[op];
  const opcode = OPCODES[op];
  if (names === undefined || opcode === undefined) {
    throw programError(
      "instruction",
      file,
      `instruction ${index} has the unknown opcode ${JSON.stringify(name ?? "")}`,
    );
  }
  const ints = reader.ints(table, 2);
  const reals = reader.doubles(table, 3);
  const waits = readTokens(reader.ints(table, 4));
  const signals = readTokens(reader.ints(table, 5));
  if (ints.length !== names.ints.length || reals.length !== names.reals.length || !waits || !signals) {
    const expected = names.ints.length + names.reals.length;
    throw programError(
      "instruction",
      file,
      `instruction ${index}, ${opcode}: ${ints.length + reals.length} fields, expected ${expected}`,
    );
  }
  const fields: Record<string, number> = {};
  names.ints.forEach((field, i) => (fields[field] = ints[i] ?? 0));
  names.reals.forEach((field, i) => (fields[field] = reals[i] ?? 0));
  return makeInstruction(opcode, reader.int(table, 1), fields, waits, signals);
}

/** The names of `fields` are those of the opcode's row: the only place that says so by assertion. */
function makeInstruction(
  op: Opcode,
  layer: number,
  fields: Readonly<Record<string, number>>,
  waits: readonly TokenUse[],
  signals: readonly TokenUse[],
): Instruction {
  return { op, layer, fields: fields as FieldsOf<Opcode>, waits, signals } as Instruction;
}

function isCount(n: number, min: number, max: number): boolean {
  return Number.isInteger(n) && n >= min && n <= max;
}

function checkLimits(program: Program, file: string): void {
  const { timesteps, tokens, dramBytes, layers, weights } = program;
  const fail = (message: string): never => {
    throw programError("limits", file, message);
  };
  if (!isCount(timesteps, 1, MAX_TIMESTEPS)) fail(`${timesteps} timesteps, expected 1 to ${MAX_TIMESTEPS}`);
  if (!isCount(tokens, 0, MAX_TOKENS)) fail(`${tokens} tokens, expected at most ${MAX_TOKENS}`);
  if (!isCount(dramBytes, weights.length, MAX_DRAM)) {
    fail(`${dramBytes} bytes of DRAM, expected ${weights.length} (the weights) to ${MAX_DRAM}`);
  }
  if (layers.length * timesteps > MAX_LAYER_TIMESTEPS) fail(`${layers.length} layers of ${timesteps} timesteps`);
  let recorded = 0;
  for (const { name, positions, channels, recorded: on } of layers) {
    if (!isCount(positions, 0, MAX_DRAM) || !isCount(channels, 0, MAX_DRAM)) {
      fail(`layer \`${name}\` has ${positions} x ${channels} neurons`);
    }
    if (on) recorded += positions * channels * timesteps;
  }
  if (recorded > MAX_RECORDED) fail(`${recorded} spikes to record, expected at most ${MAX_RECORDED}`);
}

function checkPort(port: Port, { chip, dramBytes, weights }: Program, file: string): void {
  const fail = (message: string): never => {
    throw programError("port", file, `\`${port.name}\` ${message}`);
  };
  const { dram, slotStride, slots, shape } = port;
  if (shape.length === 0 || !shape.every((n) => isCount(n, 1, MAX_DRAM))) fail(`has the shape ${shape.join("x")}`);
  if (!isCount(slots, 1, MAX_DRAM) || !isCount(slotStride, 0, MAX_DRAM))
    fail(`has ${slots} slots, ${slotStride} bytes apart`);
  const positions = shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const slotBytes = positions * Math.ceil((shape.at(-1) ?? 0) / chip.lanes) * chip.lanes * 4;
  if (slots > 1 && slotStride < slotBytes) fail(`has slots of ${slotBytes} bytes, ${slotStride} bytes apart`);
  if (!isCount(dram, weights.length, MAX_DRAM) || dram % 4 !== 0 || slotStride % 4 !== 0) {
    fail(`lies at DRAM byte ${dram}; expected a multiple of 4 behind the weights (${weights.length} bytes)`);
  }
  const end = dram + (slots - 1) * slotStride + slotBytes;
  if (!(end <= dramBytes)) fail(`ends at DRAM byte ${end} of ${dramBytes}`);
}

function checkRegion(region: MemoryRegion, index: number, program: Program, file: string): void {
  const fail = (message: string): never => {
    throw programError("region", file, `region ${index}, \`${region.name}\` ${message}`);
  };
  const { layer, place, address, size, first, last } = region;
  const { chip, layers, instructions, dramBytes } = program;
  if (!isCount(layer, -1, layers.length - 1)) fail(`is of layer ${layer} of ${layers.length}`);
  const room = place === "dram" ? dramBytes : Math.floor(chip.memories[place].bytes / wordBytes(chip, place));
  if (!isCount(address, 0, room) || !isCount(size, 1, room - address)) {
    fail(`lies at ${address} to ${address + size - 1} of ${room} in ${place}`);
  }
  if (!isCount(first, 0, last) || last >= instructions.length) {
    fail(`lives from instruction ${first} to ${last} of ${instructions.length}`);
  }
}

function checkInstructions(program: Program, file: string, report: Report): boolean {
  let faults = 0;
  for (const [index, instruction] of program.instructions.entries()) {
    const fault = checkInstruction(instruction, program);
    if (fault === undefined) continue;
    const message = `instruction ${index}, ${instruction.op}: ${fault.message}`;
    report.add(programDiagnostics.make(fault.code, message, { location: { kind: "file", file } }));
    if (++faults === MAX_FAULTS) break;
  }
  return faults === 0;
}
