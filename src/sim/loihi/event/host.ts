import type { LoihiInput, LoihiProgram } from "../../../backends/program/loihi/program.js";
import { elements } from "../../../math/tensor.js";
import { unfitInput, wideMessage } from "../../diagnostics.js";
import type { RunningCore } from "./core.js";
import type { Deliveries } from "./deliveries.js";
import { Messages } from "./messages.js";
import { fits } from "./payload.js";

/** Puts the inputs of a sample into the cores. */
export class Host {
  private inputs: ReadonlyMap<string, ArrayLike<number>> = new Map();
  private readonly values: Messages;

  constructor(
    private readonly program: LoihiProgram,
    private readonly cores: readonly RunningCore[],
    private readonly deliveries: Deliveries,
  ) {
    this.values = new Messages(program.cores.length);
  }

  /** A new sample. Throws `sim/input` and `sim/payload` where its inputs are not what the program says. */
  begin(inputs: ReadonlyMap<string, ArrayLike<number>>): void {
    for (const input of this.program.inputs) check(this.program, input, inputs.get(input.name));
    this.inputs = inputs;
  }

  /** What comes in at the beginning of a step; sets the time that it takes each core, ps. */
  put(step: number, busy: Float64Array): void {
    const { values } = this;
    const { hostInput } = this.program.chip.time;
    busy.fill(0);
    values.count = 0;
    for (const [i, input] of this.program.inputs.entries()) {
      const begins = this.deliveries.ofInputs[i]!;
      const timestep = step - input.start;
      if (timestep >= 0 && timestep < this.program.timesteps) this.putTimestep(input, timestep, begins);
    }
    if (values.count === 0) return;
    values.sortByCore();
    const { first, order, synapseTime } = values;
    for (const [i, core] of this.cores.entries()) {
      const [from, to] = [first[i]!, first[i + 1]!];
      if (from === to) continue;
      core.receive(values, from, to, step, "hostInput");
      for (let v = from; v < to; v++) busy[i]! += hostInput + synapseTime[order[v]!]!;
    }
  }

  private putTimestep(input: LoihiInput, timestep: number, begins: Int32Array): void {
    const { deliveries } = this;
    const values = this.inputs.get(input.name)!;
    const size = elements(input.shape);
    for (let element = 0; element < size; element++) {
      const value = values[timestep * size + element]!;
      if (value === 0) continue;
      const end = begins[element + 1]!;
      for (let at = begins[element]!; at < end; at = deliveries.next(at)) {
        this.values.push(deliveries.words[at]!, at, value, 0);
      }
    }
  }
}

function check(program: LoihiProgram, input: LoihiInput, values: ArrayLike<number> | undefined): void {
  const size = elements(input.shape);
  const { timesteps } = program;
  const { gradedBits } = program.chip.numerics;
  if (values?.length !== timesteps * size) {
    const got = values === undefined ? "nothing" : `${values.length}`;
    throw unfitInput(input, `needs ${timesteps} timesteps of ${size} values, got ${got}`);
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value === 0) continue;
    const [timestep, element] = [Math.floor(i / size), i % size];
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
