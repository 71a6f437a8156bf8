import type { EngineName } from "../../backends/program/instruction.js";
import type { PortValues } from "./ports.js";
import type { RunResult } from "./result.js";

/** What both simulators can be asked for. */
export interface RunOptions {
  /** Keep the spikes of recorded layers. */
  readonly record?: boolean;
  /** Give up after so many cycles; none by default. */
  readonly maxCycles?: number;
  /**
   * Called when an instruction ends: its index in the program, the cycle of its issue and the cycle of its last work. In the
   * order of the ends; of instructions that end in one cycle, in the order of the chip's priority.
   */
  readonly onInstruction?: (engine: EngineName, instruction: number, issued: number, ended: number) => void;
}

/** One timestep of one channel block of neurons at one position, as `fire` computes it: one element per neuron. */
export interface Firing {
  /** Index into the program's layers. */
  readonly layer: number;
  readonly timestep: number;
  /** Position in the layer's map, and the block's first channel. */
  readonly position: number;
  readonly channel: number;
  /** The current that was charged; an integer one in the unit of the potentials. */
  readonly input: Float64Array;
  /** Potential before the timestep, after charging (what is compared), and after the reset. */
  readonly before: Float64Array;
  readonly charged: Float64Array;
  readonly after: Float64Array;
  readonly threshold: Float64Array;
  readonly spikes: Uint8Array;
}

/** Observes neurons. `stepped` alone knows potentials one by one; `event` computes blocks of them at once. */
export interface Probe {
  /** Indices of the layers to observe. */
  readonly layers: ReadonlySet<number>;
  /** Called once per timestep, position and channel block. */
  readonly onFire: (firing: Firing) => void;
}

/** A chip with a program in its DRAM: runs one sample after the other, each from the same state. */
export interface Machine<Options extends RunOptions = RunOptions> {
  /**
   * Runs one sample. `inputs` by name: all slots, [slots, positions, channels] without padding. Throws a DiagnosticError where
   * an input does not fit, the program deadlocks or the cycles run out.
   */
  run(inputs: ReadonlyMap<string, PortValues>, options?: Options): RunResult;
}
