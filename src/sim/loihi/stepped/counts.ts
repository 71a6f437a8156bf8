import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import { LOIHI_EVENTS, type LoihiEvent, type LoihiLayerCounts } from "../result.js";

/** Events of a run, by layer and step. */
export class Counts {
  /** The step in which everything happens that is counted now. */
  step = 0;
  readonly layers: readonly LoihiLayerCounts[];

  constructor({ layers, steps, chip }: LoihiProgram) {
    this.layers = layers.map(() => {
      const events = LOIHI_EVENTS.map((event): [LoihiEvent, Float64Array] => [event, new Float64Array(steps)]);
      return {
        events: Object.fromEntries(events) as Record<LoihiEvent, Float64Array>,
        synapses: chip.synapseFormats.map(() => new Float64Array(steps)),
      };
    });
  }

  add(event: LoihiEvent, layer: number, times = 1): void {
    this.layers[layer]!.events[event][this.step]! += times;
  }

  addSynapse(format: number, layer: number): void {
    this.layers[layer]!.synapses[format]![this.step]! += 1;
  }
}
