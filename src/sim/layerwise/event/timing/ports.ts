import { ENGINES, MEMORIES, type Instruction, type MemoryName } from "../../../../backends/program/instruction.js";
import type { LayerwiseChip } from "../../../../chips/layerwise.js";
import { DATA, memoryOf, SPIKE, WEIGHT, type Access } from "./script.js";

const bitsOf = (...memories: readonly number[]): number => memories.reduce((bits, memory) => bits | (1 << memory), 0);

/** The memories that an instruction may touch, one bit each. */
export function memoriesOf({ op, fields: f }: Instruction): number {
  switch (op) {
    case "load":
    case "store":
      return bitsOf(f.memory);
    case "accumulate":
      return bitsOf(SPIKE, WEIGHT, DATA);
    case "multiply":
      return bitsOf(WEIGHT, DATA);
    case "fire":
      return f.thresholds >= 0 || f.gains >= 0 ? bitsOf(SPIKE, WEIGHT, DATA) : bitsOf(SPIKE, DATA);
    case "attend-kv":
    case "pool-or":
    case "pool-plane":
    case "and":
    case "add-planes":
    case "mask-tokens":
      return bitsOf(SPIKE);
    case "attend-q":
    case "sum-positions":
    case "score-tokens":
    case "score-kv":
    case "top-k":
    case "mask-data":
      return bitsOf(SPIKE, DATA);
    case "add":
    case "pool-max":
    case "mean-positions":
    case "mean-steps":
    case "convert":
      return bitsOf(DATA);
  }
}

/** The ports of all memories: who uses which memory at present, and what was granted in this cycle. */
export class Ports {
  /** Denied accesses by engine and memory. */
  readonly denied = new Float64Array(ENGINES.length * MEMORIES.length);
  /** By memory: whether more engines use it than a bank has ports. No unit asks twice in a cycle, so others never collide. */
  readonly contested = MEMORIES.map(() => false);
  private readonly users = MEMORIES.map(() => 0);
  private readonly ports: readonly number[];
  private readonly granted: Access[] = [];

  constructor(memories: LayerwiseChip["memories"]) {
    this.ports = MEMORIES.map((name: MemoryName) => memories[name].ports);
  }

  /** An instruction that may touch these memories starts (1) or ends (-1). */
  use(memories: number, change: 1 | -1): void {
    for (let m = 0; m < MEMORIES.length; m++) {
      if ((memories & (1 << m)) === 0) continue;
      this.users[m]! += change;
      this.contested[m] = this.users[m]! > this.ports[m]!;
    }
  }

  /** Whether each bank of a memory serves one access per cycle. */
  areSingle(memory: number): boolean {
    return this.ports[memory] === 1;
  }

  startCycle(): void {
    this.granted.length = 0;
  }

  /** Asks for an access in this cycle, if there is one, and counts it where it is denied. */
  ask(engine: number, access: Access): boolean {
    if (this.grants(access)) return true;
    this.denied[engine * MEMORIES.length + memoryOf(access)]!++;
    return false;
  }

  /** Whether an access is granted in this cycle, if there is one; engines ask in the order of their priority. */
  grants(access: Access): boolean {
    if (access === 0) return true;
    const memory = memoryOf(access);
    if (!this.contested[memory]) return true;
    let taken = 0;
    for (const other of this.granted) if (other === access) taken++;
    if (taken === this.ports[memory]) return false;
    this.granted.push(access);
    return true;
  }
}
