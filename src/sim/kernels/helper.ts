import { internalError } from "../../diagnostics/index.js";
import { Hand, type Calls, type HandStart } from "./board.js";
import { webAssembly } from "./webassembly.js";

/** A hand in another thread than that of the kernels, with code of its own on the shared memory. */
export class Helper extends Hand {
  constructor(start: HandStart) {
    if (webAssembly === undefined) throw internalError("a helper without WebAssembly");
    const { exports } = new webAssembly.Instance(start.module, { env: { memory: start.memory } });
    super(start, exports as Calls);
  }
}
