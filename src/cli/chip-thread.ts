import type { Worker } from "node:worker_threads";
import type { Program } from "../backends/program/index.js";
import { DiagnosticError, type Diagnostic } from "../diagnostics/index.js";
import type { KernelsName, PortValues, RunResult, SimulatorName } from "../sim/layerwise/index.js";
import type { ProbeRecord, ProbeTarget } from "../sim/probes.js";
import { startThread } from "../sim/thread.js";
import type { TraceTimes } from "../report/perfetto.js";
import { cliDiagnostics } from "./diagnostics.js";

/** A simulated chip in a thread of its own: the command's thread stays free for signals, and outlives a simulator that dies. */

/** What the thread is started with. */
export interface ThreadStart {
  /** Copied, but for weights in a SharedArrayBuffer: those are the same bytes in both threads. */
  readonly program: Program;
  /** `stepped` where samples have probes. */
  readonly simulator: SimulatorName;
  readonly kernels?: KernelsName | undefined;
  readonly workers?: number | undefined;
}

/** One sample to run. */
export interface ThreadRequest {
  readonly inputs: ReadonlyMap<string, PortValues>;
  readonly record: boolean;
  readonly probes: readonly ProbeTarget[];
  /** Whether to note when each instruction runs. */
  readonly timeline: boolean;
}

/** What came of it. */
export interface ThreadResult {
  readonly result: RunResult;
  readonly probes: readonly ProbeRecord[];
  readonly timeline: TraceTimes | undefined;
}

export type ThreadReply<Result = ThreadResult> = { readonly done: Result } | { readonly failed: Diagnostic };

export class ChipThread<Start = ThreadStart, Request = ThreadRequest, Result = ThreadResult> {
  private readonly worker: Worker;
  private waiting: { resolve: (result: Result) => void; reject: (error: Error) => void } | undefined;
  /** Why no further sample can run. */
  private ended: Error | undefined;

  /** `script`: the module beside this one that runs in the thread. */
  constructor(start: Start, script = "./chip-thread-worker") {
    this.worker = startThread(import.meta.url, script, start);
    this.worker.on("message", (reply: ThreadReply<Result>) => {
      if ("done" in reply) this.settle()?.resolve(reply.done);
      else this.settle()?.reject(new DiagnosticError(reply.failed));
    });
    this.worker.on("error", (error) => this.end(this.died(error)));
    this.worker.on("exit", (code) => this.end(this.died(`it ended with code ${code}`)));
  }

  /** Runs one sample; one at a time. Rejects with the simulator's DiagnosticError, or `cli/thread-died`. */
  run(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) return reject(this.ended);
      this.waiting = { resolve, reject };
      this.worker.postMessage(request, []);
    });
  }

  /** Ends the thread in the middle of whatever it does; a sample under way rejects with `why`. */
  async stop(why?: Diagnostic): Promise<void> {
    if (why !== undefined) this.end(new DiagnosticError(why));
    await this.worker.terminate();
  }

  private settle() {
    const { waiting } = this;
    this.waiting = undefined;
    return waiting;
  }

  private end(why: Error): void {
    this.ended ??= why;
    this.settle()?.reject(this.ended);
  }

  private died(cause: unknown): Error {
    const memory = cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
    // Anything else that a simulator throws is a bug and keeps its trace.
    if (cause instanceof Error && !memory) return cause;
    const message = `the simulator's thread died: ${memory ? "it ran out of memory" : String(cause)}`;
    const hint = memory ? "give it more: NODE_OPTIONS=--max-old-space-size=8192" : undefined;
    return new DiagnosticError(cliDiagnostics.make("thread-died", message, { hint }));
  }
}
