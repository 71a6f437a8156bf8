import { engineOf, ENGINES, type TokenUse } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";

/** The dispatcher, the queues in front of the engines, and the tokens. */
export class Queues {
  /** Instructions that the dispatcher has appended. */
  dispatched = 0;
  private readonly engines: Uint8Array;
  private readonly queues: readonly number[][] = ENGINES.map(() => []);
  private readonly tokens: Float64Array;
  private readonly depth: number;

  constructor(private readonly program: Program) {
    this.engines = Uint8Array.from(program.instructions, ({ op }) => ENGINES.indexOf(engineOf(op)));
    this.tokens = new Float64Array(program.tokens);
    this.depth = program.chip.queueDepth;
  }

  get left(): number {
    return this.engines.length - this.dispatched;
  }

  /** The engine whose queue has room for the next instruction; -1 where there is none. */
  dispatchesTo(): number {
    if (this.left === 0) return -1;
    const engine = this.engines[this.dispatched]!;
    return this.queues[engine]!.length < this.depth ? engine : -1;
  }

  /** Appends the next instruction to the queue of its engine and returns its index. */
  append(engine: number): number {
    this.queues[engine]!.push(this.dispatched);
    return this.dispatched++;
  }

  /** The instruction at the head of an engine's queue; undefined where that is empty. */
  head(engine: number): number | undefined {
    return this.queues[engine]![0];
  }

  /** How many there are of a token. */
  has(token: number): number {
    return this.tokens[token]!;
  }

  /** Whether the tokens of the instruction at the head of a queue are there. */
  ready(engine: number): boolean {
    const head = this.head(engine);
    return head !== undefined && this.waits(head).every(({ token, count }) => this.tokens[token]! >= count);
  }

  /** Consumes the tokens of an engine's next instruction. */
  consume(engine: number): void {
    for (const { token, count } of this.waits(this.head(engine)!)) this.tokens[token]! -= count;
  }

  /** Takes an instruction off its queue. */
  take(engine: number): number {
    return this.queues[engine]!.shift()!;
  }

  signal(instruction: number): void {
    for (const { token, count } of this.program.instructions[instruction]!.signals) this.tokens[token]! += count;
  }

  private waits(instruction: number): readonly TokenUse[] {
    return this.program.instructions[instruction]!.waits;
  }
}
