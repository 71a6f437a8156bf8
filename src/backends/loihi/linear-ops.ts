import {
  channelsOf,
  isSpike,
  outputsOf,
  positionsOf,
  viewOf,
  type AttrValue,
  type Op,
  type OpView,
} from "../../ir/index.js";
import { checkPayload, finer, integers, NotLegal, ONE, QUANTISE, throughBias, type Current } from "./current.js";
import { holdsWeights, weightRange } from "./numerics.js";
import { Values } from "./values.js";
import { isSpiking } from "./support.js";

/** Linear ops: what stands between populations and becomes synapses, biases and relays. */
export class LinearOps extends Values {
  protected weighted(op: Op): void {
    const x = this.operand(op, 0);
    const view = viewOf(this.net, op, this.types);
    const { number } = op.type;
    if (number.kind === "real") throw new NotLegal("unsupported-op", "its currents are real numbers", QUANTISE);
    const weights = view.weights();
    const { values, bias } = integers(weights, x.exp - number.exp, number.exp);
    this.checkUnsaturated(view, values, bias);
    const through = throughBias(op, values, outputsOf(weights), x.bias);
    const name = op.symbols[0] ?? "weights";
    const range = weightRange(values);
    const symbol = this.emit.constant(name, {
      kind: "weights",
      shape: weights.shape,
      mantissa: values,
      exponent: new Int32Array(outputsOf(weights)),
      bias: new Float64Array(outputsOf(weights)),
    });
    const attrs: Record<string, AttrValue> = { ...op.attrs, result: "int" };
    delete attrs["exp"];
    delete attrs["bits"];
    const value =
      x.value === undefined || range === undefined
        ? undefined
        : this.emit.define(op.result, op.name, [x.value], { attrs, symbols: [symbol], origin: op.origin });
    this.define(op, value, {
      exp: number.exp,
      bias: bias.map((b, o) => b + through[o]!),
      weights: range === undefined ? [] : [{ name, ...range }],
    });
  }

  /** A sum that may saturate is not linear. */
  protected checkUnsaturated(view: OpView, values: Int32Array, bias: Float64Array): void {
    const { number } = view.operand(0);
    const bits = view.number("bits");
    if (view.word("result") !== "fixed" || bits === 32 || number.kind !== "int") return;
    const out = bias.length;
    const sums = bias.map(Math.abs);
    const largest = Math.max(-number.lo, number.hi);
    for (let i = 0; i < values.length; i++) sums[i % out]! += Math.abs(values[i]!) * largest;
    const most = sums.reduce((a, b) => Math.max(a, b), 0);
    if (most < 2 ** (bits - 1)) return;
    const message = `its sums can reach ${most} and saturate at ${2 ** (bits - 1) - 1}`;
    throw new NotLegal("inexact-sum", message, "use quantize{streams=proved}");
  }

  /** In units of 2^exp. */
  protected inUnits(name: string, { value, exp }: Current, unit: number): string | undefined {
    if (value === undefined || exp === unit) return value;
    return this.emit.add(`${name}.fine`, "synapse.one-to-one", [value], { attrs: { weight: 2 ** (exp - unit) } });
  }

  protected sum(op: Op): void {
    const [a, b] = [this.operand(op, 0), this.operand(op, 1)];
    const exp = Math.min(a.exp, b.exp);
    const view = viewOf(this.net, op, this.types);
    this.checkSum(view, exp);
    const [left, right] = [this.inUnits(op.operands[0]!, a, exp), this.inUnits(op.operands[1]!, b, exp)];
    const relayed = this.isRelayed(op);
    const name = relayed ? this.emit.free(`${op.result}.sum`) : op.result;
    const both = left !== undefined && right !== undefined;
    const value = both ? this.emit.define(name, "stream.add", [left, right]) : (left ?? right);
    const bias = a.bias.map((x, c) => x * 2 ** (a.exp - exp) + b.bias[c]! * 2 ** (b.exp - exp));
    const weights = [...finer(a, exp), ...finer(b, exp)];
    if (!relayed || value === undefined) return this.define(op, value, { bias, weights, exp });
    this.relayed(op, value, { bias, weights, exp });
  }

  protected checkSum(view: OpView, exp: number): void {
    const bits = view.number("bits");
    if (bits === 32) return;
    const most = [0, 1].reduce((sum, i) => {
      const { number } = view.operand(i);
      return number.kind === "int" ? sum + Math.max(-number.lo, number.hi) * 2 ** (number.exp - exp) : sum;
    }, 0);
    if (most < 2 ** (bits - 1)) return;
    const message = `it can reach ${most} and saturates at ${2 ** (bits - 1) - 1}`;
    throw new NotLegal("inexact-sum", message, "use quantize{streams=proved}");
  }

  /** Sums that several ops read are worth a relay. */
  protected isRelayed(op: Op): boolean {
    return this.options.streams === "relay" && !isSpike(op.type) && (this.users.get(op.result)?.length ?? 0) > 1;
  }

  /** A relay of a sum, in units so fine that the chip has the weights in front of it. */
  protected relayed(op: Op, x: string, { bias, weights, exp }: Omit<Current, "value">): void {
    const shift = [0, 1, 2, 3].find((by) => weights.every((range) => holdsWeights(range, by, this.chip)));
    if (shift === undefined) {
      const names = weights.map(({ name, granule, largest }) => `@${name} (${granule}..${largest})`).join(", ");
      throw new NotLegal(
        "weight",
        `weights ${names} in front of a relay have no common unit on the chip`,
        "unroll streams",
      );
    }
    const source = this.scaled(x, 2 ** shift);
    const { number } = this.emit.typeOf(source);
    const [lo, hi] = number.kind === "int" ? [number.lo, number.hi] : [0, 0];
    const sums = `${positionsOf(op.type) * channelsOf(op.type)} sums of a stream per timestep`;
    checkPayload(this.chip, [lo, hi], sums, "unroll streams");
    this.emit.define(op.result, "stream.relay", [source], { origin: op.origin });
    this.population(op, op.result, "relay", "relay");
    this.note(op, "relays");
    this.define(op, op.result, { bias: bias.map((b) => b * 2 ** shift), exp: exp - shift });
  }

  protected relay(op: Op): void {
    const x = this.operand(op, 0);
    if (x.value === undefined) this.define(op, undefined, { bias: x.bias });
    else this.relayed(op, x.value, x);
  }

  protected overPositions(op: Op): void {
    const x = this.operand(op, 0);
    const positions = positionsOf(this.type(op.operands[0] ?? ""));
    const value = x.value === undefined ? undefined : this.emit.define(op.result, "reduce.sum-positions", [x.value]);
    this.define(op, value, { bias: x.bias.map((b) => b * positions), weights: x.weights });
  }

  protected linear(op: Op): void {
    const x = this.operand(op, 0);
    const [from, count] = [op.attrs["from"], op.attrs["count"]];
    if (op.name === "channels.slice" && typeof from === "number" && typeof count === "number") {
      const bias = x.bias.slice(from, from + count);
      const value =
        x.value === undefined ? undefined : this.emit.define(op.result, op.name, [x.value], { attrs: op.attrs });
      return this.define(op, value, { bias, weights: x.weights });
    }
    const value = this.emit.define(op.result, op.name, [this.messages(op, 0)], { attrs: op.attrs });
    this.define(op, value, { weights: x.weights });
  }

  protected delay(op: Op): void {
    if ((op.attrs["init"] ?? 0) !== 0) {
      const message = `its first value is ${String(op.attrs["init"])}, before its first spike the chip has 0`;
      throw new NotLegal("unsupported-value", message, "use init = 0");
    }
    const [x = ""] = op.operands;
    const producer = this.net.ops.find(({ result }) => result === x);
    const later = !this.currents.has(x) && producer !== undefined;
    // Spikes have their type before they are defined.
    if (later && isSpiking(producer, (value) => this.type(value))) this.emit.declare(x, op.type);
    else this.messages(op, 0);
    const source = this.currents.get(x);
    this.emit.define(op.result, "delay", [source?.value ?? x], { attrs: op.attrs });
    this.define(op, op.result, { weights: source?.weights ?? [ONE] });
  }

  protected constantBias(op: Op): void {
    const data = viewOf(this.net, op, this.types).values(0);
    const channels = channelsOf(op.type);
    const bias = Float64Array.from({ length: channels }, (_, c) => data.data[c] ?? 0);
    if (data.data.some((value, i) => value !== bias[i % channels])) {
      throw new NotLegal(
        "unsupported-value",
        "it differs from position to position or in time, a bias does not",
        "fold it into weights",
      );
    }
    this.define(op, undefined, { bias });
  }
}
