import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cannotRead, systemReason } from "../formats/files.js";
import { rancError } from "./diagnostics.js";
import { isIdle, type RancBench, type RancCore, type RancGrid, type RancNeuron, type RancPacket } from "./grid.js";
import { BitRow, lineOf, readCounts, readLines } from "./lines.js";

/** Widths of the hardware's parameters where nobody sets them: POTENTIAL_WIDTH and the like, NUM_WEIGHTS, NUM_TICKS, MAX_DIMENSION_X. */
const NUMBER_BITS = 9;
const OFFSET_BITS = 9;
const TICK_BITS = 4;
const TYPE_BITS = 2;
const TYPES = 2 ** TYPE_BITS;
/** The word of this tick is the one that is read now (SchedulerSRAM.v). */
const LAST_TICK = 2 ** TICK_BITS - 1;
const MAX_CORES = 4096;
const MAX_AXONS = 4096;

const CORE_FILE = /^(csram|tc)_(\d{1,6})\.mem$/;

/** Whether a folder has a file of a core's memory. */
export function isRancFolder(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => /^csram_\d+\.mem$/.test(name));
  } catch {
    return false;
  }
}

/** Bits that name one of `n` things. */
const bitsFor = (n: number): number => Math.ceil(Math.log2(n));

const packetBits = (axons: number): number => 2 * OFFSET_BITS + bitsFor(axons) + TICK_BITS;

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** The cores of a folder. Throws what it finds. */
export function readGrid(folder: string): RancGrid {
  const files = coreFiles(folder);
  const axons = readLines(files[0]!.types).length;
  const neurons = readLines(files[0]!.rows).length;
  if (axons < 2 || axons > MAX_AXONS || neurons > MAX_AXONS) {
    const message = `cores of ${axons} axons x ${neurons} neurons; both are at most ${MAX_AXONS}, axons at least 2`;
    throw rancError("count", message, { location: { kind: "file", file: files[0]!.types } });
  }
  const cores = files.map(({ rows, types }) => readCore(rows, types, axons, neurons));
  return { folder, axons, neurons, cores };
}

/** What the test bench puts in and expects. Throws what it finds. */
export function readBench({ folder, axons }: Pick<RancGrid, "folder" | "axons">): RancBench {
  const file = (name: string): string => join(folder, name);
  const inputFile = file("tb_input.txt");
  const packets = readLines(inputFile).map((text, line) => {
    const bits = packetBits(axons);
    const parts = `9 each of dx and dy, ${bitsFor(axons)} of the axon, ${TICK_BITS} of the tick`;
    return readPacket(new BitRow(text, bits, parts, lineOf(inputFile, line)), axons);
  });
  const outputFile = file("tb_correct.txt");
  const outputLines = readLines(outputFile);
  const width = Math.min(outputLines[0]?.length ?? 0, 16);
  const outputs = outputLines.map((text, line) =>
    new BitRow(text, width, "as the first line, at most 16", lineOf(outputFile, line)).unsigned(width),
  );
  const ticks = byTick(outputs, outputFile, file("tb_num_outputs.txt"));
  for (const [tick, sent] of ticks.entries()) {
    const twice = sent.find((axon, i) => sent.indexOf(axon) < i);
    if (twice === undefined) continue;
    const message = `tick ${tick} has output ${twice} twice; an output gets one packet in a tick`;
    throw rancError("row", message, { location: { kind: "file", file: outputFile } });
  }
  return {
    inputs: byTick(packets, inputFile, file("tb_num_inputs.txt")),
    outputs: ticks.map((sent) => [...sent].sort((a, b) => a - b)),
  };
}

interface CoreFiles {
  readonly rows: string;
  readonly types: string;
}

/** The files of all cores, in order. */
function coreFiles(folder: string): readonly CoreFiles[] {
  const found = { csram: new Map<number, string>(), tc: new Map<number, string>() };
  let names: readonly string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    throw cannotRead(folder, systemReason(error));
  }
  for (const name of names) {
    const [, kind, digits] = CORE_FILE.exec(name) ?? [];
    if (kind !== "csram" && kind !== "tc") continue;
    const other = found[kind].get(Number(digits));
    if (other !== undefined) throw rancError("missing-file", `\`${other}\` and \`${name}\` are of the same core`);
    found[kind].set(Number(digits), name);
  }
  const cores = Math.max(found.csram.size, found.tc.size);
  if (cores === 0 || cores > MAX_CORES) {
    const message = `${folder} has memory files of ${counted(cores, "core")}, expected 1 to ${MAX_CORES}`;
    throw rancError("missing-file", message, { location: { kind: "file", file: folder } });
  }
  return Array.from({ length: cores }, (_, core) => {
    const [rows, types] = (["csram", "tc"] as const).map((kind) => {
      const name = found[kind].get(core);
      if (name !== undefined) return join(folder, name);
      const message = `${folder} has files of ${counted(cores, "core")}, but no ${kind} file of core ${core}`;
      const hint = `add ${kind}_${String(core).padStart(3, "0")}.mem`;
      throw rancError("missing-file", message, { location: { kind: "file", file: folder }, hint });
    });
    return { rows: rows!, types: types! };
  });
}

function expectLines(file: string, lines: number, wanted: number, what: string): void {
  if (lines === wanted) return;
  const message = `${counted(lines, "line")}, expected ${wanted}: ${what}`;
  throw rancError("count", message, { location: { kind: "file", file } });
}

function readCore(rowFile: string, typeFile: string, axons: number, neurons: number): RancCore {
  const types = readLines(typeFile);
  expectLines(typeFile, types.length, axons, "one per axon, as in the first core");
  const axonTypes = types.map((text, line) =>
    new BitRow(text, TYPE_BITS, "the type of an axon", lineOf(typeFile, line)).unsigned(TYPE_BITS),
  );
  const rows = readLines(rowFile);
  expectLines(rowFile, rows.length, neurons, "one per neuron, as in the first core");
  const bits = axons + NUMBER_BITS * (5 + TYPES) + 1 + packetBits(axons);
  const parts = `${axons} connections, 9 numbers of ${NUMBER_BITS}, a reset mode, ${packetBits(axons)} of the packet`;
  const core: { axonTypes: readonly number[]; neurons: RancNeuron[] } = { axonTypes, neurons: [] };
  for (const [line, text] of rows.entries()) {
    const row = new BitRow(text, bits, parts, lineOf(rowFile, line));
    const neuron = readNeuron(row, axons);
    if (!isIdle(core, neuron)) checkTick(row, neuron.packet);
    core.neurons.push(neuron);
  }
  return core;
}

/** The fields of a row, in their order. */
function readNeuron(row: BitRow, axons: number): RancNeuron {
  // The last axon comes first.
  const connected = row.bits(axons);
  const connections = Array.from({ length: axons }, (_, axon) => axon).filter(
    (axon) => connected[axons - 1 - axon] === "1",
  );
  const potential = row.signed(NUMBER_BITS);
  const resetPotential = row.signed(NUMBER_BITS);
  const weights = Array.from({ length: TYPES }, () => row.signed(NUMBER_BITS));
  const leak = row.signed(NUMBER_BITS);
  const positiveThreshold = row.signed(NUMBER_BITS);
  const negativeThreshold = row.signed(NUMBER_BITS);
  const reset = row.unsigned(1) === 0 ? "absolute" : "linear";
  const packet = fieldsOfPacket(row, axons);
  return {
    connections,
    potential,
    weights,
    leak,
    positiveThreshold,
    negativeThreshold,
    reset,
    resetPotential,
    packet,
  };
}

function fieldsOfPacket(row: BitRow, axons: number): RancPacket {
  const dx = row.signed(OFFSET_BITS);
  const dy = row.signed(OFFSET_BITS);
  return { dx, dy, axon: row.unsigned(bitsFor(axons)), tick: row.unsigned(TICK_BITS) };
}

function readPacket(row: BitRow, axons: number): RancPacket {
  const packet = fieldsOfPacket(row, axons);
  checkTick(row, packet);
  if (packet.axon >= axons) throw row.fault(`a packet to axon ${packet.axon} of ${axons}`);
  return packet;
}

function checkTick(row: BitRow, { tick }: RancPacket): void {
  if (tick < LAST_TICK) return;
  throw row.fault(
    `a packet that waits ${tick} ticks comes into the tick that is read now; ${LAST_TICK - 1} is the most`,
  );
}

/** Splits what a file lists by the counts of another one. */
function byTick<T>(all: readonly T[], file: string, countFile: string): readonly (readonly T[])[] {
  const counts = readCounts(countFile);
  const total = counts.reduce((sum, n) => sum + n, 0);
  expectLines(file, all.length, total, `the sum of \`${countFile}\``);
  let at = 0;
  return counts.map((count) => all.slice(at, (at += count)));
}
