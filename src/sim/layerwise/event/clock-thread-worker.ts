import { workerData } from "node:worker_threads";
import { DiagnosticError } from "../../../diagnostics/index.js";
import { Bell } from "../../bell.js";
import { Helper } from "../../kernels/index.js";
import { readClock } from "./clock.js";
import { ENDED, STARTED, type ClockReply, type ClockStart } from "./clock-thread.js";
import { RingReader } from "./ring.js";
import { FaultReached, WorkReader } from "./work-stream.js";

/** The other side of `clock-thread.ts`: the clock; and while that has nothing to do, a helper. */

const start = workerData as ClockStart;
const { program, port } = start;
const helper = start.helper === undefined ? undefined : new Helper(start.helper);
const bell = new Bell(start.bell);
const executor = new Bell(start.executor);
const runs = new Int32Array(start.runs);
const limit = new Float64Array(start.limit);

/** Helps until it is ready: no piece takes long. */
function wait(isReady: () => boolean): void {
  for (let { rings } = bell; !isReady(); { rings } = bell) {
    if (helper?.help() !== true) bell.wait(rings);
  }
}

function runOnce(): ClockReply {
  const ring = new RingReader(start.ring, wait);
  const works = new WorkReader(ring);
  try {
    return { reading: readClock(program, () => works.receive(), { maxCycles: limit[0]! }) };
  } catch (error) {
    if (error instanceof FaultReached) return { fault: true };
    if (error instanceof DiagnosticError) return { failed: error.diagnostic };
    return { died: error };
  } finally {
    ring.leave();
  }
}

for (let run = 1; ; run++) {
  wait(() => Atomics.load(runs, STARTED) >= run);
  port.postMessage(runOnce());
  Atomics.store(runs, ENDED, run);
  executor.ring();
}
