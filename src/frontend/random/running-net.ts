import { internalError } from "../../diagnostics/index.js";
import {
  realTensor,
  runOp,
  valueTypes,
  type Constant,
  type Net,
  type Op,
  type Value,
  type ValueType,
} from "../../ir/index.js";

/** A net whose ops are run one by one, and whose constants change meanwhile. */
export class RunningNet {
  readonly net: Net;
  readonly types: ReadonlyMap<string, ValueType>;
  /** What is known so far; the one who runs the ops removes what is needed no more. */
  readonly values = new Map<string, Value>();
  /** Constants that were set, by tensor name. */
  readonly changed = new Map<string, Float32Array>();
  private readonly constants: Map<string, Constant>;
  private readonly positions: ReadonlyMap<Op, number>;

  constructor(source: Net) {
    this.constants = new Map(source.constants);
    this.net = { ...source, constants: this.constants };
    this.types = valueTypes(source);
    this.positions = new Map(source.ops.map((op, i) => [op, i]));
  }

  /** Place of an op in the net's order. */
  positionOf(op: Op): number {
    const position = this.positions.get(op);
    if (position === undefined) throw internalError(`an op \`${op.name}\` of another net`);
    return position;
  }

  compute(op: Op): void {
    runOp(this.net, op, this.types, this.values);
  }

  /** Sets part 0 (gamma), 1 (beta), 2 (mean) or 3 (variance) of a batch norm. */
  set(norm: Op, part: number, data: Float32Array): void {
    const name = norm.symbols[part];
    if (name === undefined) throw internalError(`\`${norm.name}\` has no part ${part}`);
    this.constants.set(name, realTensor([data.length], data));
    this.changed.set(name, data);
  }

  /** The rate of a neuron op per timestep, over all its neurons. */
  ratesOf(neuron: Op): number[] {
    const spikes = this.values.get(neuron.result);
    if (spikes === undefined) throw internalError("a neuron whose spikes are not there");
    return spikes.map((slot) => {
      let n = 0;
      for (let i = 0; i < slot.length; i++) n += slot[i]!;
      return n / slot.length;
    });
  }
}
