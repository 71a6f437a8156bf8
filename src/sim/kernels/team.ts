/* Threads that run parts of one kernel call on the same memory. */
import { Worker } from "node:worker_threads";
import { internalError } from "../../diagnostics/index.js";
import type { KernelMemory } from "./memory.js";

/** Kernels whose outputs can be divided among threads. */
const CALLS = ["sum32", "sum8", "fireReal", "fireInt"] as const;
export type DividedCall = (typeof CALLS)[number];

/** What a thread's mailbox holds, as i32 but for the last, an f64. */
const POSTED = 0;
const DONE = 1;
const CALL = 2;
const RECORD = 3;
const FAILED = 4;
const LIMIT = 3;
const MAILBOX_BYTES = 64;
const RECORD_BYTES = 256;
const COUNT_BYTES = 8 * 64;
const PATTERN_BYTES = 4096;

/** Looks at a mailbox so often before it sleeps: calls follow each other within microseconds, waking takes tens of them. */
const SPINS = 3000;
/** A helper that says nothing for so long will never do so, ms. */
const PATIENCE = 120_000;

/** The loop of a helper; it needs nothing but the module and the memory. */
const HELPER = `
const { module, memory, mailbox, calls, spins } = require("node:worker_threads").workerData;
const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
const box = new Int32Array(memory.buffer, mailbox, 16);
const numbers = new Float64Array(memory.buffer, mailbox, 8);
for (let done = 0; ; ) {
  for (let i = 0; i < spins && Atomics.load(box, ${POSTED}) === done; i++);
  Atomics.wait(box, ${POSTED}, done);
  if (Atomics.load(box, ${POSTED}) === done) continue;
  try {
    kernels[calls[box[${CALL}]]](box[${RECORD}] >>> 0, numbers[${LIMIT}]);
  } catch {
    box[${FAILED}] = 1;
  }
  done = Atomics.load(box, ${POSTED});
  Atomics.store(box, ${DONE}, done);
  Atomics.notify(box, ${DONE});
}`;

interface Helper {
  /** Started with its first call. */
  worker: Worker | undefined;
  readonly mailbox: number;
  readonly record: number;
  /** Scratch of its own: counts per timestep, and sums of patterns. */
  readonly counts: number;
  readonly patterns: number;
}

/** The helpers of one memory. They sleep between calls and do not keep the process alive. */
export class Team {
  readonly helpers: readonly Helper[];

  constructor(
    private readonly module: object,
    private readonly memory: KernelMemory,
    threads: number,
  ) {
    this.helpers = Array.from({ length: threads - 1 }, () => {
      const mailbox = memory.take(MAILBOX_BYTES, "a mailbox");
      memory.i32.fill(0, mailbox >>> 2, (mailbox + MAILBOX_BYTES) >>> 2);
      return {
        worker: undefined,
        mailbox,
        record: memory.take(RECORD_BYTES, "the record of a helper"),
        counts: memory.take(COUNT_BYTES, "counts of a helper"),
        patterns: memory.take(PATTERN_BYTES, "sums of a helper"),
      };
    });
  }

  /** Has a helper, whose record is written, run a call. */
  start(helper: Helper, call: DividedCall, limit: number): void {
    const { mailbox, record } = helper;
    const { i32, f64 } = this.memory;
    helper.worker ??= this.employ(mailbox);
    const box = mailbox >>> 2;
    i32[box + CALL] = CALLS.indexOf(call);
    i32[box + RECORD] = record;
    f64[(mailbox >>> 3) + LIMIT] = limit;
    Atomics.add(i32, box + POSTED, 1);
    Atomics.notify(i32, box + POSTED);
  }

  /** Waits until a helper has done all that it was started for. */
  finish({ mailbox }: Helper): void {
    const { i32 } = this.memory;
    const box = mailbox >>> 2;
    const posted = Atomics.load(i32, box + POSTED);
    for (let i = 0; i < SPINS && Atomics.load(i32, box + DONE) !== posted; i++);
    for (let done = Atomics.load(i32, box + DONE); done !== posted; done = Atomics.load(i32, box + DONE)) {
      if (Atomics.wait(i32, box + DONE, done, PATIENCE) === "timed-out") throw internalError("a kernel thread is gone");
    }
    if (i32[box + FAILED] !== 0) throw internalError("a kernel failed in its thread");
  }

  private employ(mailbox: number): Worker {
    const { module, memory } = this;
    const workerData = { module, memory: memory.wasm, mailbox, calls: CALLS, spins: SPINS };
    const worker = new Worker(HELPER, { eval: true, workerData });
    worker.unref();
    return worker;
  }

  close(): void {
    for (const { worker } of this.helpers) void worker?.terminate();
  }
}

/** Room that each helper takes in the memory of the kernels. */
export const HELPER_BYTES = MAILBOX_BYTES + RECORD_BYTES + COUNT_BYTES + PATTERN_BYTES;
