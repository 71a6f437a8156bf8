import { describe, expect, it } from "vitest";
import { ENGINES, MEMORIES, type Instruction } from "../../../../src/backends/program/instruction.js";
import type { Program } from "../../../../src/backends/program/program.js";
import { wordBytes } from "../../../../src/chips/layerwise.js";
import { createEvent, SIMULATORS, type RunResult } from "../../../../src/sim/layerwise/index.js";
import { Random, randomInputs, sdtNet, smallChip, stattenNet } from "../../../backends/layerwise/nets.js";
import { compiled } from "../../../backends/layerwise/support.js";

/* What must hold of every run, counted here from the instructions alone. */

const random = new Random(11);
const chip = smallChip({ spike: 1024, weight: 16_384, data: 8192 });
const nets = [
  stattenNet(random, { timesteps: 4, chunk: 2, side: 2, channels: 12, heads: 2 }),
  sdtNet(random, { timesteps: 5, tokens: 9, channels: 16, heads: 2, dvs: true }),
];
const programs = nets.map((net) => ({ program: compiled(net, chip), inputs: randomInputs(net, random) }));

type Transfer = Extract<Instruction, { op: "load" | "store" }>;

function transfers({ instructions }: Program, op: Transfer["op"]): readonly Transfer[] {
  return instructions.filter((one): one is Transfer => one.op === op);
}

/** DRAM bytes of each chunk that a transfer moves, without the rest of its last burst. */
function chunks({ fields: f }: Transfer): readonly { readonly from: number; readonly bytes: number }[] {
  const bytes = f.words * wordBytes(chip, MEMORIES[f.memory]!);
  return Array.from({ length: f.chunks }, (_, i) => ({ from: f.dram + i * f.dramStride, bytes }));
}

function total(result: RunResult, count: (layer: RunResult["layers"][number]) => number): number {
  return result.layers.reduce((sum, layer) => sum + count(layer), 0);
}

describe.each(Object.keys(SIMULATORS) as (keyof typeof SIMULATORS)[])("on %s", (simulator) => {
  it.each([0, 1])("work is conserved in program %i", (index) => {
    const { program, inputs } = programs[index]!;
    const result = SIMULATORS[simulator](program).run(inputs);
    for (const engine of ENGINES) {
      expect(Object.values(result.engines[engine]).reduce((a, b) => a + b)).toBe(result.cycles);
    }
    const burst = program.chip.dram.burstBytes;
    const bursts = (op: Transfer["op"]): number =>
      transfers(program, op)
        .flatMap(chunks)
        .reduce((sum, { bytes }) => sum + Math.ceil(bytes / burst), 0);
    expect(total(result, (layer) => layer.dramReadBytes)).toBe(burst * bursts("load"));
    expect(total(result, (layer) => layer.dramWriteBytes)).toBe(burst * bursts("store"));
  });

  it.each([0, 1])("program %i runs twice alike, and on a machine of its own", (index) => {
    const { program, inputs } = programs[index]!;
    const machine = SIMULATORS[simulator](program);
    const first = machine.run(inputs, { record: true });
    expect(machine.run(inputs, { record: true })).toEqual(first);
    expect(SIMULATORS[simulator](program).run(inputs, { record: true })).toEqual(first);
  });
});

describe("compiled programs", () => {
  it.each([0, 1])("write every byte of an output once and load every byte of the inputs, program %i", (index) => {
    const { program } = programs[index]!;
    const count = (op: Transfer["op"]): Uint8Array => {
      const times = new Uint8Array(program.dramBytes);
      for (const { from, bytes } of transfers(program, op).flatMap(chunks)) {
        for (let i = from; i < from + bytes; i++) times[i]!++;
      }
      return times;
    };
    const [loaded, stored] = [count("load"), count("store")];
    const bytesOf = ({ dram, slots, slotStride, shape }: Program["inputs"][number]): readonly number[] => {
      const blocks = Math.ceil((shape.at(-1) ?? 1) / chip.lanes);
      const positions = shape.slice(0, -1).reduce((product, n) => product * n, 1);
      const bytes = 4 * chip.lanes * blocks * positions;
      return Array.from({ length: slots * bytes }, (_, i) => dram + Math.floor(i / bytes) * slotStride + (i % bytes));
    };
    for (const port of program.outputs) expect(new Set(bytesOf(port).map((at) => stored[at]))).toEqual(new Set([1]));
    for (const port of program.inputs) expect(bytesOf(port).filter((at) => loaded[at] === 0)).toEqual([]);
  });
});

describe("a clock that is told to stop", () => {
  it("does so in the cycle it is told, or ends before", () => {
    const { program, inputs } = programs[0]!;
    const machine = createEvent(program);
    const { cycles } = machine.run(inputs);
    expect(machine.run(inputs, { maxCycles: cycles }).cycles).toBe(cycles);
    for (const maxCycles of [0, 1, 17, cycles >> 1, cycles - 1]) {
      expect(() => machine.run(inputs, { maxCycles })).toThrow(`did not end within ${maxCycles} cycles`);
    }
  });
});
