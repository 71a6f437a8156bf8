import type { LoihiInput, LoihiProgram } from "../../../backends/program/loihi/program.js";
import { elements } from "../../../math/tensor.js";
import { unfitInput, wideMessage } from "../../diagnostics.js";

/** One value that the host puts into a core. */
export interface HostValue {
  readonly axon: number;
  readonly payload: number;
}

/** Whether a payload fits `bits` bits, sign included. */
export function fits(payload: number, bits: number): boolean {
  return bits > 0 && payload >= -(2 ** (bits - 1)) && payload < 2 ** (bits - 1);
}

/** The inputs of a sample. Throws `sim/input` and `sim/payload` where they are not what the program says. */
export class Host {
  constructor(
    private readonly program: LoihiProgram,
    private readonly inputs: ReadonlyMap<string, ArrayLike<number>>,
  ) {
    for (const input of program.inputs) this.check(input);
  }

  private check(input: LoihiInput): void {
    const { timesteps, chip } = this.program;
    const { gradedBits } = chip.numerics;
    const size = elements(input.shape);
    const values = this.inputs.get(input.name);
    if (values?.length !== timesteps * size) {
      const got = values === undefined ? "nothing" : `${values.length}`;
      throw unfitInput(input, `needs ${timesteps} timesteps of ${size} values, got ${got}`);
    }
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      const [timestep, element] = [Math.floor(i / size), i % size];
      const place = `element ${element}, timestep ${timestep}`;
      if (!Number.isInteger(value)) throw unfitInput(input, `has ${value} at ${place}; the chip takes integers`);
      if (input.format === "spike" && value !== 0 && value !== 1) {
        throw unfitInput(input, `has ${value} at ${place}; its values are spikes, 0 or 1`);
      }
      if (input.format === "graded" && value !== 0 && !fits(value, gradedBits)) {
        throw wideMessage(`element ${element} of input \`${input.name}\``, input.start + timestep, value, gradedBits);
      }
    }
  }

  /** What is put in at the beginning of a step, by core. */
  valuesOf(step: number): readonly (readonly HostValue[])[] {
    const { cores, timesteps, inputs } = this.program;
    const byCore: HostValue[][] = cores.map(() => []);
    for (const input of inputs) {
      const timestep = step - input.start;
      if (timestep < 0 || timestep >= timesteps) continue;
      const size = elements(input.shape);
      const { start, core, axon } = input.routes;
      for (let element = 0; element < size; element++) {
        const payload = this.inputs.get(input.name)![timestep * size + element]!;
        if (payload === 0) continue;
        for (let r = start[element]!; r < start[element + 1]!; r++) {
          byCore[core[r]!]!.push({ axon: axon[r]!, payload });
        }
      }
    }
    return byCore;
  }
}
