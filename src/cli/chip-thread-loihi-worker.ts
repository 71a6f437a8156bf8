import { parentPort, workerData } from "node:worker_threads";
import { DiagnosticError, internalError } from "../diagnostics/index.js";
import { LOIHI_SIMULATORS, type LoihiMachine, type LoihiRunResult } from "../sim/loihi/index.js";
import type { LoihiThreadRequest, LoihiThreadStart } from "./chip-thread-loihi.js";
import type { ThreadReply } from "./chip-thread.js";

/** The other side of `chip-thread-loihi.ts`: runs the samples that are sent. */

const { program, simulator } = workerData as LoihiThreadStart;
if (parentPort === null) throw internalError("the other side of a chip thread runs in no thread");
const port = parentPort;
let machine: LoihiMachine | undefined;

port.on("message", ({ inputs, record }: LoihiThreadRequest) => {
  const reply = (message: ThreadReply<LoihiRunResult>): void => port.postMessage(message);
  try {
    machine ??= LOIHI_SIMULATORS[simulator](program);
    reply({ done: machine.run(inputs, { record }) });
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    reply({ failed: error.diagnostic });
  }
});
