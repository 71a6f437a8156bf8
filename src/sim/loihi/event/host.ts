import type { LoihiInput, LoihiProgram } from "../../../backends/program/loihi/program.js";
import { unfitInput, wideMessage } from "../../diagnostics.js";
import type { RunningCore } from "./core.js";
import type { Counts } from "./counts.js";
import { fits } from "./payload.js";

/** Puts the inputs of a sample into the cores. */
export class Host {
  private inputs: ReadonlyMap<string, ArrayLike<number>> = new Map();

  constructor(
    private readonly program: LoihiProgram,
    private readonly cores: readonly RunningCore[],
    private readonly counts: Counts,
  ) {}

  /** A new sample. Throws `sim/input` and `sim/payload` where its inputs are not what the program says. */
  begin(inputs: ReadonlyMap<string, ArrayLike<number>>): void {
    for (const input of this.program.inputs) check(this.program, input, inputs.get(input.name));
    this.inputs = inputs;
  }

  /** What comes in at the beginning of a step; adds the time that it takes each core, ps, to `busy`. */
  put(step: number, busy: Float64Array): void {
    for (const input of this.program.inputs) {
      const timestep = step - input.start;
      if (timestep >= 0 && timestep < this.program.timesteps) this.putTimestep(input, timestep, step, busy);
    }
  }

  private putTimestep(input: LoihiInput, timestep: number, step: number, busy: Float64Array): void {
    const { start, core, axon } = input.routes;
    const { hostInput } = this.program.chip.time;
    const values = this.inputs.get(input.name)!;
    const elements = elementsOf(input);
    for (let element = 0; element < elements; element++) {
      const value = values[timestep * elements + element]!;
      if (value === 0) continue;
      for (let route = start[element]!; route < start[element + 1]!; route++) {
        const receiver = this.cores[core[route]!]!;
        // As if it had been sent in the step before: a delay of 1 acts now.
        receiver.receive(axon[route]!, value, step - 1);
        busy[core[route]!]! += hostInput + receiver.synapseTime[axon[route]!]!;
        this.counts.add(receiver.layerOf(axon[route]!), "hostInput", step, 1);
      }
    }
  }
}

const elementsOf = ({ shape }: LoihiInput): number => shape.reduce((product, n) => product * n, 1);

function check(program: LoihiProgram, input: LoihiInput, values: ArrayLike<number> | undefined): void {
  const elements = elementsOf(input);
  const { timesteps } = program;
  const { gradedBits } = program.chip.numerics;
  if (values?.length !== timesteps * elements) {
    const got = values === undefined ? "nothing" : `${values.length}`;
    throw unfitInput(input, `needs ${timesteps} timesteps of ${elements} values, got ${got}`);
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value === 0) continue;
    const [timestep, element] = [Math.floor(i / elements), i % elements];
    const place = `at element ${element}, timestep ${timestep}`;
    if (!Number.isInteger(value)) throw unfitInput(input, `has ${value} ${place}; the chip takes integers`);
    if (input.format === "spike" && value !== 1) {
      throw unfitInput(input, `has ${value} ${place}; its values are spikes, 0 or 1`);
    }
    if (input.format === "graded" && !fits(value, gradedBits)) {
      throw wideMessage(`element ${element} of input \`${input.name}\``, input.start + timestep, value, gradedBits);
    }
  }
}
