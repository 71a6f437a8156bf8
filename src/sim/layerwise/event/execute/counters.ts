import type { Program } from "../../../../backends/program/program.js";
import { EVENTS, type EventName, type LayerCounts } from "../../result.js";

/** Events by layer, kind and timestep. Instructions add what they did at once, not cycle by cycle. */
export class Counters {
  private events: Record<EventName, Float64Array>[] = [];

  constructor(private readonly program: Program) {}

  clear(): void {
    const { layers, timesteps } = this.program;
    this.events = layers.map(
      () => Object.fromEntries(EVENTS.map((name) => [name, new Float64Array(timesteps)])) as LayerCounts["events"],
    );
  }

  /** `n` events of a layer in a timestep. */
  add(layer: number, event: EventName, timestep: number, n: number): void {
    this.events[layer]![event][timestep]! += n;
  }

  /** `n` events in each timestep of a group. */
  addSteps(
    layer: number,
    event: EventName,
    group: { readonly firstStep: number; readonly steps: number },
    n: number,
  ): void {
    for (let s = 0; s < group.steps; s++) this.add(layer, event, group.firstStep + s, n);
  }

  of(layer: number): LayerCounts["events"] {
    return this.events[layer]!;
  }
}
