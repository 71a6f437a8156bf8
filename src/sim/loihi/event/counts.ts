import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import { LOIHI_EVENTS, type LoihiEvent, type LoihiLayerCounts } from "../result.js";

/** Events of every layer in every step. */
export class Counts {
  layers: readonly LoihiLayerCounts[] = [];
  /** Synaptic events of the present step, by slot: one for each layer and format. */
  readonly synapses: Float64Array;
  private readonly formats: number;

  constructor(private readonly program: LoihiProgram) {
    this.formats = program.chip.synapseFormats.length;
    this.synapses = new Float64Array(program.layers.length * this.formats);
  }

  /** A new sample. */
  begin(): void {
    const { layers, chip, steps } = this.program;
    const perStep = (): Float64Array => new Float64Array(steps);
    this.layers = layers.map(() => ({
      events: Object.fromEntries(LOIHI_EVENTS.map((event) => [event, perStep()])) as Record<LoihiEvent, Float64Array>,
      synapses: chip.synapseFormats.map(perStep),
    }));
    this.synapses.fill(0);
  }

  add(layer: number, event: LoihiEvent, step: number, count: number): void {
    this.layers[layer]!.events[event][step]! += count;
  }

  synapseSlot(layer: number, format: number): number {
    return layer * this.formats + format;
  }

  formatOf(slot: number): number {
    return slot % this.formats;
  }

  /** Files the synaptic events of a step. */
  endStep(step: number): void {
    for (let slot = 0; slot < this.synapses.length; slot++) {
      const layer = Math.floor(slot / this.formats);
      this.layers[layer]!.synapses[this.formatOf(slot)]![step] = this.synapses[slot]!;
    }
    this.synapses.fill(0);
  }
}
