import { MEMORIES } from "../../../backends/program/instruction.js";
import type { Program } from "../../../backends/program/program.js";
import type { Hardware } from "./hardware.js";
import { EVENTS, type Accesses, type EventName, type LayerCounts } from "../result.js";

/** Positions of the events in the counters. */
export const AC = 0;
export const MAC = 1;
export const ROW = 2;
export const UPDATE = 3;
export const SPIKE = 4;
export const KV = 5;
export const QA = 6;
export const ADD = 7;
export const COMPARE = 8;
export const BIT = 9;

/** Events by layer, kind and timestep. */
export class Counts {
  private readonly events: Float64Array;
  private readonly timesteps: number;

  constructor(private readonly program: Program) {
    this.timesteps = program.timesteps;
    this.events = new Float64Array(program.layers.length * EVENTS.length * program.timesteps);
  }

  clear(): void {
    this.events.fill(0);
  }

  add(layer: number, event: number, timestep: number, n: number): void {
    const at = (layer * 10 + event) * this.timesteps + timestep;
    this.events[at] = this.events[at]! + n;
  }

  /** `n` events in each timestep of a group. */
  addSteps(
    layer: number,
    event: number,
    group: { readonly firstStep: number; readonly steps: number },
    n: number,
  ): void {
    for (let s = 0; s < group.steps; s++) this.add(layer, event, group.firstStep + s, n);
  }

  /** Copies for a result. */
  result({ memories, dram }: Pick<Hardware, "memories" | "dram">): LayerCounts[] {
    return this.program.layers.map((_, layer) => {
      const events: [EventName, Float64Array][] = EVENTS.map((name, event) => {
        const at = (layer * EVENTS.length + event) * this.timesteps;
        return [name, this.events.slice(at, at + this.timesteps)];
      });
      const accesses = MEMORIES.map((name): [string, Accesses] => {
        const { reads, writes } = memories[name];
        return [name, { reads: reads[layer] ?? 0, writes: writes[layer] ?? 0 }];
      });
      return {
        events: Object.fromEntries(events) as LayerCounts["events"],
        accesses: Object.fromEntries(accesses) as LayerCounts["accesses"],
        dramReadBytes: dram.readBytes[layer] ?? 0,
        dramWriteBytes: dram.writeBytes[layer] ?? 0,
      };
    });
  }
}
