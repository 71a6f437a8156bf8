import { MessageChannel, receiveMessageOnPort, type MessagePort, type Worker } from "node:worker_threads";
import type { Instruction } from "../../../backends/program/instruction.js";
import type { Program } from "../../../backends/program/program.js";
import { DiagnosticError, internalError, type Diagnostic } from "../../../diagnostics/index.js";
import { Bell } from "../../bell.js";
import type { HelperStart } from "../../kernels/index.js";
import { startThread } from "../../thread.js";
import type { Reading } from "./clock.js";
import { createRing, RingWriter, type SharedRing } from "./ring.js";
import type { Work } from "./work.js";
import { WorkWriter } from "./work-stream.js";

/**
 * Bytes of the ring: the work of some tens of large tiles (100 kB each), so that the executor seldom waits for a clock that is
 * busy with many small instructions, and few enough to stay in a cache. Work of any size passes through a ring of any size.
 */
const RING_BYTES = 2 ** 22;

/** A clock that says nothing for so long, while all that it waits for is there, will never do so, ms. */
const PATIENCE = 120_000;

/** What the thread is started with. */
export interface ClockStart {
  /** Without its weights, which no clock needs. */
  readonly program: Program;
  readonly ring: SharedRing;
  /** How to help with calls of the kernels while there is no work; undefined where they are not divided. */
  readonly helper: HelperStart["hand"] | undefined;
  readonly bell: SharedArrayBuffer;
  /** Bell of the thread that does the instructions. */
  readonly executor: SharedArrayBuffer;
  /** Runs that were started, and that ended; and as f64 the most cycles of the last one. */
  readonly runs: SharedArrayBuffer;
  readonly limit: SharedArrayBuffer;
  /** Takes one reply per run. */
  readonly port: MessagePort;
}

export const STARTED = 0;
export const ENDED = 1;

/** What came of a run; `fault`: it came to the instruction that failed here. */
export type ClockReply =
  | { readonly reading: Reading }
  | { readonly failed: Diagnostic }
  | { readonly fault: true }
  | { readonly died: unknown };

/** The clock of a program in a thread of its own, behind this one, which does the instructions. */
export class ClockThread {
  private readonly worker: Worker;
  private readonly writer: RingWriter;
  private readonly port: MessagePort;
  private readonly runs = new Int32Array(new SharedArrayBuffer(8));
  private readonly limit = new Float64Array(new SharedArrayBuffer(8));
  private readonly clock: Bell;
  /** Why no further sample can run. */
  private broken: string | undefined;

  constructor(
    private readonly program: Program,
    private readonly bell: Bell,
    invitation: HelperStart | undefined,
    ringBytes = RING_BYTES,
    private readonly patience = PATIENCE,
  ) {
    this.clock = new Bell(invitation?.bell);
    const ring = createRing(ringBytes, bell, this.clock);
    this.writer = new RingWriter(ring, (isReady) => this.wait(isReady));
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    port1.unref();
    const start: ClockStart = {
      program: { ...program, weights: new Uint8Array(0) },
      ring,
      helper: invitation?.hand,
      bell: this.clock.shared,
      executor: bell.shared,
      runs: this.runs.buffer,
      limit: this.limit.buffer,
      port: port2,
    };
    this.worker = startThread(import.meta.url, "./clock-thread-worker", start, [port2]);
    this.worker.on("error", (error) => this.break(error.message));
    this.worker.on("exit", () => this.break("it ended"));
    this.worker.unref();
  }

  /**
   * Does all instructions in the order of the program, ahead of the clock, and returns what that says at the end. What an instruction
   * throws is thrown only if the clock comes to it, as it would be in one thread.
   */
  run(execute: (instruction: Instruction) => Work, maxCycles: number): Reading {
    if (this.broken !== undefined) throw internalError(this.broken);
    this.writer.clear();
    this.limit[0] = maxCycles;
    const run = Atomics.add(this.runs, STARTED, 1) + 1;
    this.clock.ring();
    const fault = this.doAll(execute);
    this.wait(() => Atomics.load(this.runs, ENDED) === run);
    const reply = (receiveMessageOnPort(this.port) as { message: ClockReply } | undefined)?.message;
    if (reply === undefined) throw internalError("the clock ended without a reply");
    if ("reading" in reply) return reply.reading;
    if ("failed" in reply) throw new DiagnosticError(reply.failed);
    if ("fault" in reply) throw fault;
    this.break(String(reply.died));
    throw reply.died;
  }

  /** Returns what an instruction threw, behind which nothing is done. */
  private doAll(execute: (instruction: Instruction) => Work): unknown {
    const to = new WorkWriter(this.writer);
    for (const instruction of this.program.instructions) {
      if (to.isOver) return undefined;
      let work: Work;
      try {
        work = execute(instruction);
      } catch (error) {
        to.sendFault();
        return error;
      }
      to.send(work);
    }
    return undefined;
  }

  private wait(isReady: () => boolean): void {
    for (let { rings } = this.bell; !isReady(); { rings } = this.bell) {
      if (this.bell.wait(rings, this.patience) || isReady()) continue;
      this.break("it does not answer");
      throw internalError(this.broken!);
    }
  }

  private break(why: string): void {
    this.broken ??= `the clock's thread died: ${why}`;
  }

  close(): void {
    this.broken ??= "the machine was closed";
    this.port.close();
    void this.kill();
  }

  /** Ends the thread in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.worker.terminate();
  }
}
