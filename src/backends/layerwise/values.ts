import { isWeighted, usersOf, valueTypes, viewOf, type Net, type Op, type ValueType } from "../../ir/index.js";
import type { Phase, Span } from "./stage.js";
import type { Timing } from "./timing.js";

/** What the lowerings ask about a net: users, phases, spans, and which ops are fused into another. */
export class NetFacts {
  readonly types: ReadonlyMap<string, ValueType>;
  readonly users: ReadonlyMap<string, readonly Op[]>;
  readonly producers: ReadonlyMap<string, Op>;
  private readonly outputs: ReadonlySet<string>;
  private readonly phases = new Map<string, Phase>();

  constructor(
    readonly net: Net,
    readonly timing: Timing,
  ) {
    this.types = valueTypes(net);
    this.users = usersOf(net);
    this.producers = new Map(net.ops.map((op) => [op.result, op]));
    this.outputs = new Set(net.outputs.map((output) => output.value));
    for (const op of net.ops) this.phases.set(op.result, this.findPhase(op));
  }

  private findPhase(op: Op): Phase {
    const view = viewOf(this.net, op, this.types);
    if (view.definition.temporal(view).kind === "sequence") return "final";
    if (op.operands.some((name) => this.phases.get(name) === "final")) return "final";
    return this.isStatic(op.type) ? "once" : "block";
  }

  isStatic(type: ValueType): boolean {
    return type.time.count === 1 && this.timing.timesteps > 1;
  }

  isOutput(value: string): boolean {
    return this.outputs.has(value);
  }

  phaseOf(value: string): Phase {
    return this.phases.get(value) ?? "block";
  }

  usersOf(value: string): readonly Op[] {
    return this.users.get(value) ?? [];
  }

  spanOf(value: string, type: ValueType): Span {
    if (this.isStatic(type)) return "static";
    const late =
      this.phaseOf(value) === "final" || this.usersOf(value).some((op) => this.phaseOf(op.result) === "final");
    const producer = this.producers.get(value);
    // Inputs and constants lie in DRAM with all their slots.
    return late || producer === undefined || producer.name === "constant" ? "all" : "block";
  }

  /** The only user of a value that leaves the net nowhere. */
  onlyUser(value: string): Op | undefined {
    const users = this.usersOf(value);
    return users.length === 1 && !this.isOutput(value) ? users[0] : undefined;
  }

  /** The neuron that a weighted op is fused with, if any. */
  fusedNeuron(op: Op): Op | undefined {
    if (!isWeighted(op)) return undefined;
    const user = this.onlyUser(op.result);
    if (user?.name !== "neuron.lif") return undefined;
    const [mine, theirs] = [this.phaseOf(op.result), this.phaseOf(user.result)];
    if (mine === theirs) return user;
    // A static current is summed once: with several time blocks it must outlive them, so it becomes a map.
    return mine === "once" && theirs === "block" && this.timing.blocks.length === 1 ? user : undefined;
  }

  /** The to-real that is the format of this integer result, if any. */
  fusedToReal(op: Op): Op | undefined {
    const user = this.onlyUser(op.result);
    return user?.name === "to-real" ? user : undefined;
  }
}

/** The name under which people know an op: its layer, origin or constant. */
export function nameOf(op: Op): string {
  if (op.layer !== undefined) return op.layer.name;
  if (isWeighted(op)) return op.origin ?? op.symbols[0] ?? op.result;
  return `${op.name} %${op.result}`;
}
