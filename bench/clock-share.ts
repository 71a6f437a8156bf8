import type { Program } from "../src/backends/program/index.js";
import { Executor } from "../src/sim/layerwise/event/execute/index.js";
import type { EventOptions } from "../src/sim/layerwise/event/options.js";
import { TimingMachine } from "../src/sim/layerwise/event/timing/machine.js";
import { writeInputs, type PortValues } from "../src/sim/layerwise/ports.js";

/** The clock's share of the wall time of each of some runs: all but what instructions do. */
export function clockShares(
  program: Program,
  inputs: ReadonlyMap<string, PortValues>,
  rounds: number,
  options: EventOptions = {},
): readonly number[] {
  const executor = new Executor(program, options);
  const { dram, kernels } = executor.chip;
  const shares = Array.from({ length: rounds }, () => {
    executor.clear(false);
    writeInputs(program, inputs, dram.rest, dram.first);
    let work = 0;
    const timing = new TimingMachine(
      program,
      (instruction) => {
        const start = performance.now();
        const result = executor.run(instruction);
        work += performance.now() - start;
        return result;
      },
      undefined,
    );
    const start = performance.now();
    timing.run(Infinity);
    return 1 - work / (performance.now() - start);
  });
  kernels.close();
  return shares;
}
