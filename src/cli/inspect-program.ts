import { readProgram } from "../backends/program/index.js";
import type { Report } from "../diagnostics/index.js";
import type { Io } from "./command.js";
import { memoryJson, memoryText } from "./memory.js";
import { loihiProgramJson, loihiProgramText } from "./inspect-loihi.js";
import { count, table } from "./text.js";

/**
 * What is in a program file: chip, ports, layers, instructions by kind or cores and their places, the compiler's notes. With
 * `memory`: what it holds where, instead.
 */
export function inspectProgram(
  path: string,
  { json, memory }: { readonly json: boolean; readonly memory: boolean },
  report: Report,
  io: Io,
): void {
  const program = readProgram(path, report);
  if (program === undefined) return;
  if (memory) return io.out(json ? JSON.stringify(memoryJson(program), null, 2) : memoryText(path, program));
  if (program.target === "loihi")
    return io.out(json ? JSON.stringify(loihiProgramJson(program), null, 2) : loihiProgramText(path, program));
  const kinds = new Map<string, number>();
  for (const { op } of program.instructions) kinds.set(op, (kinds.get(op) ?? 0) + 1);
  if (json) {
    const { weights, instructions, regions: _regions, ...rest } = program;
    io.out(
      JSON.stringify(
        { ...rest, weightBytes: weights.length, instructions: Object.fromEntries(kinds), total: instructions.length },
        null,
        2,
      ),
    );
    return;
  }
  io.out(
    [
      `${path}: net @${program.name} for ${program.chip.name}, ${program.timesteps} timesteps`,
      `${count(program.instructions.length)} instructions, ${count(program.weights.length)} bytes of weights, ${count(program.dramBytes)} bytes of DRAM, ${program.tokens} tokens`,
      ...program.inputs.map((port) => `input  ${port.name}: ${port.slots} x ${port.shape.join("x")} ${port.format}`),
      ...program.outputs.map((port) => `output ${port.name}: ${port.slots} x ${port.shape.join("x")} ${port.format}`),
      "",
      table([["instruction", "count"], ...[...kinds].map(([op, n]) => [op, count(n)])]),
      "",
      table([
        ["layer", "op", "positions", "channels"],
        ...program.layers.map((l) => [l.name, l.kind, String(l.positions), String(l.channels)]),
      ]),
      "",
      ...program.notes,
    ].join("\n"),
  );
}
