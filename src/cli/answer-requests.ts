import { parentPort } from "node:worker_threads";
import { DiagnosticError, internalError } from "../diagnostics/index.js";
import type { ThreadReply } from "./chip-thread.js";

/** The other side of a ChipThread, inside the thread: answers each request with what `run` makes of it, or the diagnostic it throws. */
export function answerRequests<Request, Result>(run: (request: Request) => Result): void {
  if (parentPort === null) throw internalError("the other side of a chip thread runs in no thread");
  const port = parentPort;
  port.on("message", (request: Request) => {
    const reply = (message: ThreadReply<Result>): void => port.postMessage(message);
    try {
      reply({ done: run(request) });
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      reply({ failed: error.diagnostic });
    }
  });
}
