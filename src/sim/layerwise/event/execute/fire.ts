import { CHARGE_RULES, type InstructionFor } from "../../../../backends/program/instruction.js";
import { packBits } from "../../../kernels/bits.js";
import type { Chip } from "./chip.js";
import { Neurons } from "./neurons.js";

const CUBA = CHARGE_RULES.indexOf("cuba");

/** Charge, compare and reset of one channel block of neurons over the timesteps of a group. */
export function fire({ layer, fields: f }: InstructionFor<"fire">, chip: Chip): void {
  const { lanes, counters, recorder } = chip;
  const { spike, weight, data } = chip.memories;
  const neurons = new Neurons(f, lanes);
  const cuba = f.rule === CUBA;
  const uMap = f.state + f.positions * f.outputStride;
  const spikes = new Uint8Array(lanes * chip.parallel);
  const fired = new Float64Array(f.steps);
  const n = f.lanesUsed;
  if (f.thresholds >= 0) neurons.setThresholds(weight, f.thresholds * lanes);
  if (f.gains >= 0) neurons.setGains(weight.f32, f.gains * lanes);

  for (let p = 0; p < f.positions; p++) {
    const at = p * f.outputStride;
    if (f.stateRead === 1) {
      neurons.v.set(data.i32.subarray((f.state + at) * lanes, (f.state + at + 1) * lanes));
      if (cuba) neurons.u.set(data.i32.subarray((uMap + at) * lanes, (uMap + at + 1) * lanes));
    } else neurons.reset();
    for (let s = 0; s < f.steps; s++) {
      if (s === 0 || f.slots !== 1) {
        neurons.loadCurrent(data.i32, (f.current + p * f.currentStride + s * f.currentStepStride) * lanes);
      }
      fired[s]! += neurons.step(n, spikes, s * lanes);
      const channel = f.recordBlock * lanes;
      recorder.note(layer, f.firstStep + s, f.recordPosition + p, channel, spikes, s * lanes, n);
    }
    if (f.stateWrite === 1) {
      data.i32.set(neurons.v, (f.state + at) * lanes);
      if (cuba) data.i32.set(neurons.u, (uMap + at) * lanes);
    }
    packBits(spikes, spike.wordBytes, spike.u8, (f.output + at) * spike.wordBytes);
  }
  counters.addSteps(layer, "update", f, n * f.positions);
  fired.forEach((count, s) => counters.add(layer, "spike", f.firstStep + s, count));
}
