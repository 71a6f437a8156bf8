import { ENGINES, MEMORIES, type Instruction, type InstructionFor } from "../../src/backends/program/instruction.js";
import type { Program } from "../../src/backends/program/program.js";
import { parameterWords, wordBytes, type LayerwiseChip } from "../../src/chips/index.js";
import { ENGINE_STATES } from "../../src/sim/layerwise/index.js";

/**
 * Plain counts of what a program must cost by the rules of docs/layerwise-chip.md, without the simulator: the work of the
 * accumulate and fire engines where no port is contended, and the bytes of transfers.
 */

/** Cycles of the accumulate engine, by what its adder does in them. */
export interface AdderCycles {
  issue: number;
  parameters: number;
  rows: number;
  writes: number;
  /** The FIFO is empty; the scanner is looking for a spike. */
  starved: number;
}

/** Set bits of a scan word: OR over the timesteps of the instruction. */
export type ScanBits = (step: number, y: number, x: number, block: number) => number;

/** Words of exponents (32 bits) and biases (64 bits). */
export function weightedWords(chip: LayerwiseChip): number {
  return parameterWords(chip, 32) + parameterWords(chip, 64);
}

/** One accumulate instruction on spikes, alone on its memories: scanner, FIFO and adder, cycle by cycle. */
export function addAccumulate(
  cycles: AdderCycles,
  { fields: f }: InstructionFor<"accumulate">,
  chip: LayerwiseChip,
  bits: ScanBits,
): void {
  cycles.issue += 1;
  const { fifoDepth } = chip;
  cycles.parameters += weightedWords(chip);
  const words: { bits: number; last: boolean }[] = [];
  for (let position = 0; position < f.outRows * f.outWidth; position++) {
    const top = (f.outRow + Math.floor(position / f.outWidth)) * f.stride - f.padding;
    const left = (position % f.outWidth) * f.stride - f.padding;
    for (let y = Math.max(0, top); y < Math.min(f.height, top + f.kernel); y++)
      for (let x = Math.max(0, left); x < Math.min(f.width, left + f.kernel); x++)
        for (let block = 0; block < f.blocks; block++)
          words.push({ bits: bits(f.firstStep, y, x, block), last: false });
    words[words.length - 1]!.last = true;
  }
  const fifo: { bits: number; last: boolean }[] = [];
  let next = 0;
  let writesLeft = 0;
  while (next < words.length || fifo.length > 0 || writesLeft > 0) {
    const scans = next < words.length && fifo.length < fifoDepth;
    const oldest = fifo[0];
    if (writesLeft > 0) {
      cycles.writes++;
      writesLeft--;
    } else if (oldest === undefined) cycles.starved++;
    else if (oldest.bits > 0) {
      cycles.rows++;
      if (--oldest.bits === 0) {
        fifo.shift();
        if (oldest.last) writesLeft = f.steps;
      }
    } else {
      cycles.writes++;
      fifo.shift();
      writesLeft = f.steps - 1;
    }
    if (!scans) continue;
    const word = words[next++]!;
    if (word.bits > 0 || word.last) fifo.push({ ...word });
  }
}

/** Cycles of a fire instruction, its issue included, where no port is contended. */
export function fireCycles({ fields: f }: InstructionFor<"fire">, chip: LayerwiseChip): number {
  const parameters = parameterWords(chip, 32) * (Number(f.thresholds >= 0) + Number(f.gains >= 0));
  return 1 + parameters + f.positions * (f.stateRead + f.steps + f.stateWrite + 1);
}

export function only<O extends Instruction["op"]>(program: Program, op: O): readonly InstructionFor<O>[] {
  return program.instructions.filter((one): one is InstructionFor<O> & Instruction => one.op === op);
}

/** Bytes that the transfers of one layer move between DRAM and a memory, whole bursts. */
export function transferBytes(
  program: Program,
  op: "load" | "store",
  memory: (typeof MEMORIES)[number],
  layer: number,
): number {
  const { burstBytes } = program.chip.dram;
  return only(program, op)
    .filter((one) => MEMORIES[one.fields.memory] === memory && one.layer === layer)
    .map(({ fields: f }) => {
      const bursts = Math.ceil((f.words * wordBytes(program.chip, memory)) / burstBytes);
      return f.chunks * bursts * burstBytes;
    })
    .reduce((a, b) => a + b, 0);
}

/** Whom the accumulate engine waits for. */
export interface Waits {
  /** The load engine brings input or weights. */
  load: number;
  /** Else: fire works, by layer. */
  readonly fire: Map<string, number>;
  /** Else: vector or store works. */
  readOut: number;
  /** Else: dispatch, issue and tokens on their way from one engine to the other. */
  handOver: number;
}

/** Follows a run cycle by cycle and says for each cycle without accumulate work whose work it was. */
export class WaitTracer {
  readonly waits: Waits = { load: 0, fire: new Map(), readOut: 0, handOver: 0 };
  /** Cycles in which accumulate worked, or wanted a port. */
  busy = 0;
  denied = 0;
  fireBusy = 0;
  private readonly ends: readonly { readonly end: number; readonly layer: string }[];
  private current = 0;

  constructor(program: Program) {
    let end = 0;
    this.ends = only(program, "fire").map((one) => {
      end += fireCycles(one, program.chip);
      return { end, layer: program.layers[one.layer]?.name ?? "" };
    });
  }

  readonly trace = (_: number, states: Uint8Array): void => {
    const state = (engine: (typeof ENGINES)[number]) => ENGINE_STATES[states[ENGINES.indexOf(engine)]!]!;
    const works = (engine: (typeof ENGINES)[number]): boolean => ["busy", "port", "dram"].includes(state(engine));
    const fires = works("fire");
    if (fires && this.fireBusy === this.ends[this.current]?.end) this.current++;
    if (state("fire") === "busy") this.fireBusy++;
    if (state("accumulate") === "busy") this.busy++;
    else if (works("accumulate")) this.denied++;
    else if (works("load")) this.waits.load++;
    else if (fires) {
      const layer = this.ends[this.current]?.layer ?? "";
      this.waits.fire.set(layer, (this.waits.fire.get(layer) ?? 0) + 1);
    } else if (works("vector") || works("store")) this.waits.readOut++;
    else this.waits.handOver++;
  };
}
