import { wordBytes } from "../../chips/layerwise.js";
import { ENGINES, engineOf, type Instruction } from "../program/instruction.js";
import type { Program } from "../program/program.js";
import { visitWords, type WordSpace } from "./word-accesses.js";

/**
 * Checks that the tokens of a program order every conflict: two instructions of different engines that touch the same
 * word, one of them writing. It shares nothing with the assignment of tokens: accesses are listed word by word, and order
 * is what follows from counting tokens, whoever put them there.
 */

/** What happened last at a word: its writer, and the last reader of each engine since. */
class WordHistory {
  private readonly writers: Int32Array;
  private readonly readers: readonly Int32Array[];

  constructor(readonly words: number) {
    this.writers = new Int32Array(words).fill(-1);
    this.readers = ENGINES.map(() => new Int32Array(words).fill(-1));
  }

  conflicts(word: number, write: boolean, visit: (other: number) => void): void {
    visit(this.writers[word] ?? -1);
    if (write) for (const readers of this.readers) visit(readers[word] ?? -1);
  }

  record(word: number, write: boolean, instruction: number, engine: number): void {
    if (!write) this.readers[engine]?.fill(instruction, word, word + 1);
    else {
      this.writers[word] = instruction;
      for (const readers of this.readers) readers[word] = -1;
    }
  }
}

/** Which instructions have ended when each one starts: the last one of each engine. */
function startClocks(instructions: readonly Instruction[], problems: string[]): readonly Int32Array[] {
  const senders = new Map<number, { engine: number; signals: number[] }>();
  const receivers = new Map<number, number>();
  for (const [i, { op, signals }] of instructions.entries()) {
    for (const { token, count } of signals) {
      const engine = ENGINES.indexOf(engineOf(op));
      const sender = senders.get(token) ?? { engine, signals: [] };
      if (sender.engine !== engine) problems.push(`token ${token} is signalled by two engines`);
      for (let n = 0; n < count; n++) sender.signals.push(i);
      senders.set(token, sender);
    }
  }
  const taken = new Map<number, number>();
  const lastOf = ENGINES.map(() => -1);
  const clocks: Int32Array[] = [];
  for (const [i, { op, waits }] of instructions.entries()) {
    const engine = ENGINES.indexOf(engineOf(op));
    const previous = lastOf[engine] ?? -1;
    const clock = clocks[previous]?.slice() ?? new Int32Array(ENGINES.length).fill(-1);
    clock[engine] = previous;
    for (const { token, count } of waits) {
      if ((receivers.get(token) ?? engine) !== engine) problems.push(`token ${token} is awaited by two engines`);
      receivers.set(token, engine);
      const position = (taken.get(token) ?? 0) + count;
      taken.set(token, position);
      const signaller = senders.get(token)?.signals[position - 1];
      if (signaller === undefined || signaller >= i) {
        problems.push(
          `instruction ${i} (${op}) waits for signal ${position} of token ${token}, which nothing before it sends`,
        );
        continue;
      }
      for (const [e, seen] of (clocks[signaller] ?? []).entries()) clock[e] = Math.max(clock[e] ?? -1, seen);
      const from = senders.get(token)?.engine ?? 0;
      clock[from] = Math.max(clock[from] ?? -1, signaller);
    }
    clocks.push(clock);
    lastOf[engine] = i;
  }
  for (const [token, { signals }] of senders) {
    const left = signals.length - (taken.get(token) ?? 0);
    if (left !== 0) problems.push(`token ${token} is left over ${left} times`);
  }
  return clocks;
}

/** Problems of a program's synchronisation, at most `limit`; none where every conflict is ordered. */
export function checkHazards(program: Program, limit = 20): readonly string[] {
  const { chip, instructions } = program;
  const problems: string[] = [];
  const clocks = startClocks(instructions, problems);
  const burst = chip.dram.burstBytes;
  const histories: Readonly<Record<WordSpace, WordHistory>> = {
    spike: new WordHistory(chip.memories.spike.bytes / wordBytes(chip, "spike")),
    weight: new WordHistory(chip.memories.weight.bytes / wordBytes(chip, "weight")),
    data: new WordHistory(chip.memories.data.bytes / wordBytes(chip, "data")),
    dram: new WordHistory(Math.ceil(program.dramBytes / burst)),
  };
  for (const [i, instruction] of instructions.entries()) {
    if (problems.length >= limit) break;
    const engine = ENGINES.indexOf(engineOf(instruction.op));
    const clock = clocks[i];
    const found = new Set<string>();
    const later: (() => void)[] = [];
    visitWords(instruction, chip, (space, word, write) => {
      const history = histories[space];
      if (word < 0 || word >= history.words) {
        found.add(`instruction ${i} (${instruction.op}) touches ${space} word ${word} of ${history.words}`);
        return;
      }
      history.conflicts(word, write, (other) => {
        const before = instructions[other];
        if (before === undefined || other === i) return;
        const from = ENGINES.indexOf(engineOf(before.op));
        if (from === engine || other <= (clock?.[from] ?? -1)) return;
        found.add(
          `instruction ${i} (${instruction.op}) is not ordered after ${other} (${before.op}): both use ${space} memory`,
        );
      });
      later.push(() => history.record(word, write, i, engine));
    });
    for (const record of later) record();
    problems.push(...found);
  }
  return problems.slice(0, limit);
}
