/* The threads that compute calls of the kernels together. */
import type { Worker } from "node:worker_threads";
import { internalError } from "../../diagnostics/index.js";
import { Bell } from "../bell.js";
import { startThread } from "../thread.js";
import { BOARD_BYTES, HAND_BYTES, Hand, type Calls, type Division, type HandStart } from "./board.js";
import type { KernelMemory } from "./memory.js";

/** A piece of a divided call, ns: much longer than it takes to share one, much shorter than a large call. */
export const GRAIN = 50_000;

/** A helper that says nothing for so long will never do so, ms. */
const PATIENCE = 120_000;

/** What a thread that does nothing but help is started with. */
export interface HelperStart {
  readonly hand: HandStart;
  readonly bell: SharedArrayBuffer;
}

/** How calls are divided. Results do not depend on it. */
export interface Threading {
  /** Threads that compute, this one included; 1 by default. */
  readonly threads?: number | undefined;
  /** How many of them are threads of the caller, which {@link Team.invite} brings to the board; 0 by default. */
  readonly guests?: number | undefined;
  /** Nanoseconds that a piece of a divided call takes, about; a call that is less than two of them is not divided. {@link GRAIN} by default. */
  readonly grain?: number | undefined;
  /** Bell of this thread; one of its own by default. */
  readonly bell?: Bell | undefined;
  /** Milliseconds to wait for a piece that another thread has taken, before that counts as dead; two minutes by default. */
  readonly patience?: number | undefined;
}

/** The hands of one memory. Helpers sleep between calls and do not keep the process alive. */
export class Team {
  readonly hands: readonly Hand[];
  private readonly starts: readonly HandStart[];
  private readonly bell: Bell;
  /** Bells of all other threads, guests first. */
  private readonly bells: readonly Bell[];
  private readonly guests: number;
  private readonly patience: number;
  private workers: readonly Worker[] | undefined;
  /** Why nothing more can be computed. */
  private broken: string | undefined;

  constructor(
    module: object,
    memory: KernelMemory,
    calls: Calls,
    { threads = 1, guests = 0, bell, patience = PATIENCE }: Threading,
  ) {
    const board = memory.take(BOARD_BYTES, "the board of a team");
    memory.i32.fill(0, board >>> 2, (board + BOARD_BYTES) >>> 2);
    this.bell = bell ?? new Bell();
    this.guests = guests;
    this.patience = patience;
    this.starts = Array.from({ length: threads }, () => {
      const room = memory.take(HAND_BYTES, "the room of a thread");
      return { module, memory: memory.wasm!, board, room, caller: this.bell.shared };
    });
    this.hands = this.starts.map((start) => new Hand(start, calls));
    this.bells = this.starts.slice(1).map(() => new Bell());
  }

  /** The hand of this thread. */
  get own(): Hand {
    return this.hands[0]!;
  }

  /** For the `guest`-th of the caller's threads: what it needs to help, and the bell to wait at. */
  invite(guest: number): HelperStart {
    if (guest >= this.guests) throw internalError(`guest ${guest} of ${this.guests}`);
    return { hand: this.starts[1 + guest]!, bell: this.bells[guest]!.shared };
  }

  /** Computes a call together. This thread waits for nothing but pieces that others have taken. */
  run(division: Division): void {
    if (this.broken !== undefined) throw internalError(this.broken);
    this.workers ??= this.employ();
    const { own, bell } = this;
    own.post(division);
    for (const other of this.bells) other.ring();
    while (own.help());
    for (let rings = bell.rings; !own.done; rings = bell.rings) {
      if (!bell.wait(rings, this.patience) && !own.done) throw internalError((this.broken = "a kernel thread is gone"));
    }
    if (own.failed) throw internalError("a kernel failed");
  }

  private employ(): readonly Worker[] {
    return this.starts.slice(1 + this.guests).map((hand, i) => {
      const start: HelperStart = { hand, bell: this.bells[this.guests + i]!.shared };
      const worker = startThread(import.meta.url, "./helper-thread", start);
      worker.on("error", (error) => (this.broken = `a kernel thread died: ${error.message}`));
      worker.unref();
      return worker;
    });
  }

  close(): void {
    for (const worker of this.workers ?? []) void worker.terminate();
    this.workers = [];
    this.broken ??= "the kernels were closed";
  }
}

/** Room that each thread takes in the memory of the kernels; alignment included. */
export const THREAD_BYTES = HAND_BYTES + BOARD_BYTES;
