import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import { LOIHI_EVENTS, type LoihiEvent, type LoihiLayerCounts } from "../result.js";

/** Events of every layer in every step. */
export class Counts {
  layers: readonly LoihiLayerCounts[] = [];

  constructor(private readonly program: LoihiProgram) {}

  /** A new sample. */
  begin(): void {
    const { layers, chip, steps } = this.program;
    const perStep = (): Float64Array => new Float64Array(steps);
    this.layers = layers.map(() => ({
      events: Object.fromEntries(LOIHI_EVENTS.map((event) => [event, perStep()])) as Record<LoihiEvent, Float64Array>,
      synapses: chip.synapseFormats.map(perStep),
    }));
  }

  add(layer: number, event: LoihiEvent, step: number, count: number): void {
    this.layers[layer]!.events[event][step]! += count;
  }

  addSynapses(layer: number, format: number, step: number, count: number): void {
    this.layers[layer]!.synapses[format]![step]! += count;
  }
}
