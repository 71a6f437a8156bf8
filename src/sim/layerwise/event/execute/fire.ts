import { CHARGE_RULES, type FieldsOf, type InstructionFor } from "../../../../backends/program/instruction.js";
import type { Chip } from "./chip.js";
import { neuronParameter } from "./parameters.js";

const CUBA = CHARGE_RULES.indexOf("cuba");

/** Charge, compare and reset of one channel block of neurons over the timesteps of a group. */
export function fire({ layer, fields: f }: InstructionFor<"fire">, chip: Chip): void {
  const { lanes, kernels, counters, recorder } = chip;
  const { spike, data } = chip.memories;
  const dataWord = (word: number): number => data.from + word * data.wordBytes;
  const fired = kernels.fire({
    neuron: f,
    positions: f.positions,
    lanes,
    used: f.lanesUsed,
    timesteps: chip.parallel,
    steps: f.steps,
    current: dataWord(f.current),
    currentPositionBytes: f.currentStride * data.wordBytes,
    currentStepBytes: f.slots === 1 ? 0 : f.currentStepStride * data.wordBytes,
    state: dataWord(f.state),
    // The map of u lies behind that of v.
    uState: f.rule === CUBA ? dataWord(f.state + f.positions * f.outputStride) : -1,
    statePositionBytes: f.outputStride * data.wordBytes,
    read: f.stateRead === 1,
    write: f.stateWrite === 1,
    gains: neuronParameter(f.gains, "gains", chip),
    thresholds: neuronParameter(f.thresholds, "thresholds", chip),
    output: spike.from + f.output * spike.wordBytes,
    outputPositionBytes: f.outputStride * spike.wordBytes,
  });
  if (recorder.records(layer)) record(layer, f, chip);
  counters.addSteps(layer, "update", f, f.lanesUsed * f.positions);
  fired.forEach((count, s) => counters.add(layer, "spike", f.firstStep + s, count));
}

/** Keeps the spikes that have just been written. */
function record(layer: number, f: FieldsOf<"fire">, { lanes, memories: { spike }, recorder }: Chip): void {
  for (let p = 0; p < f.positions; p++) {
    const word = (f.output + p * f.outputStride) * spike.wordBytes;
    for (let s = 0; s < f.steps; s++) {
      const bits = spike.u8.subarray(word + (s * lanes) / 8, word + ((s + 1) * lanes) / 8);
      recorder.note(layer, f.firstStep + s, f.recordPosition + p, f.recordBlock * lanes, bits, f.lanesUsed);
    }
  }
}
