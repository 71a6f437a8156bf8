import {
  joinTime,
  netTimesteps,
  timestepsOf,
  usersOf,
  valueTypes,
  viewOf,
  type Evaluation,
  type Net,
  type Op,
} from "../ir/index.js";
import { internalError } from "../diagnostics/index.js";
import { NET_EVENTS, OP_WORK, type IntegerRule, type NetEvent } from "./op-events.js";

/**
 * The event-accurate count: what happens when each non-zero input meets each weight that it reaches, borders and strides
 * included. A function of the net and the values of an evaluation alone; no chip, no schedule, no padding to lanes.
 */

/** Events of one layer per timestep, summed over samples. */
export type LayerEvents = Readonly<Record<NetEvent, Float64Array>>;

export interface EventCount {
  readonly samples: number;
  readonly timesteps: number;
  readonly integers: IntegerRule;
  /** By result of the op. */
  readonly layers: ReadonlyMap<string, LayerEvents>;
  /** Names of ops of the net whose events nobody has defined; they are in no count. */
  readonly uncounted: readonly string[];
}

export class EventCounter {
  private samples = 0;
  private readonly layers = new Map<string, LayerEvents>();
  private readonly uncounted = new Set<string>();
  private readonly timesteps: number;
  private readonly users: ReadonlyMap<string, readonly Op[]>;

  constructor(
    private readonly net: Net,
    private readonly integers: IntegerRule = "counts",
  ) {
    this.timesteps = netTimesteps(net);
    this.users = usersOf(net);
  }

  /** Whether all that reads an op are batch norms, whose bias takes in that of the op. */
  private biasJoins(op: Op): boolean {
    const users = this.users.get(op.result) ?? [];
    return users.length > 0 && users.every((user) => user.name === "norm.batch");
  }

  /** Counts one sample. */
  add({ values }: Pick<Evaluation, "values">): void {
    this.samples++;
    const types = valueTypes(this.net);
    for (const op of this.net.ops) {
      const work = OP_WORK[op.name];
      if (work === undefined) throw internalError(`no count for ${op.name}`);
      if (work.events === undefined) {
        this.uncounted.add(op.name);
        continue;
      }
      if (work.kind === "none") continue;
      const view = viewOf(this.net, op, types);
      const axis = joinTime([...view.operandTypes.map((type) => type.time), op.type.time]);
      if (axis === undefined) throw internalError(`%${op.result} has no common time axis`);
      const counts = this.eventsOf(op);
      const biasJoins = this.biasJoins(op);
      for (let t = 0; t < timestepsOf(axis); t += axis.period) {
        const operands = op.operands.map((name, i) => values.get(name)![Math.floor(t / view.operand(i).time.period)]!);
        const events = work.events({ view, type: op.type, operands, integers: this.integers, biasJoins });
        for (const [event, n] of Object.entries(events)) counts[event as NetEvent][t]! += n;
      }
    }
  }

  private eventsOf(op: Op): LayerEvents {
    const known = this.layers.get(op.result);
    if (known !== undefined) return known;
    const events = Object.fromEntries(
      NET_EVENTS.map((event) => [event, new Float64Array(this.timesteps)]),
    ) as unknown as LayerEvents;
    this.layers.set(op.result, events);
    return events;
  }

  finish(): EventCount {
    const { samples, timesteps, integers, layers } = this;
    return { samples, timesteps, integers, layers, uncounted: [...this.uncounted] };
  }
}

/** Counts the events of one evaluated sample. */
export function countEvents(net: Net, evaluation: Pick<Evaluation, "values">, integers?: IntegerRule): EventCount {
  const counter = new EventCounter(net, integers);
  counter.add(evaluation);
  return counter.finish();
}
