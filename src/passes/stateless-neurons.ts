import {
  channelsOf,
  chargeReal,
  sameTime,
  slotSize,
  usersOf,
  valueTypes,
  viewOf,
  type Net,
  type Op,
  type OpView,
  type ValueType,
} from "../ir/index.js";
import type { PassContext } from "./pass.js";

/** Neurons without memory, as part of fold-thresholds: see its documentation. */

/** Whether a real neuron, at potential 0, ignores 0 and fires at `unit` and so, charge being monotone, at everything above. */
function firesFromOne(view: OpView, unit: number, channels: number): boolean {
  const charge = view.call("charge");
  const ge = view.word("fire") === "ge";
  const vTh = view.perChannel("v_th", channels);
  const first = Math.fround(charge.args[0] ?? 0);
  const k = view.op.attrs["k"] === undefined ? undefined : view.perChannel("k", channels);
  const fires = (h: number, limit: number): boolean => (ge ? h >= limit : h > limit);
  return vTh.every((limit, c) => {
    const a = k?.[c] ?? first;
    const monotone = charge.name === "divide" || charge.name === "multiply" ? a > 0 : charge.name !== "cuba";
    if (!monotone) return false;
    const h = (x: number): number => chargeReal(charge.name, x, 0, 0, a, 0, 0);
    return !fires(h(0), limit) && fires(h(unit), limit);
  });
}

/** The same for integer currents: every rule without synaptic state charges 0 with x to x, clamped to the width. */
function integerFiresFromOne(view: OpView, hi: number, channels: number): boolean {
  const ge = view.word("fire") === "ge";
  const width = 2 ** (view.number("state_bits") - 1);
  const unit = 2 ** view.number("fraction_bits");
  if (view.call("charge").name === "cuba" || (view.word("overflow") === "wrap" && hi * unit >= width)) return false;
  return view.perChannel("v_th", channels).every((limit) => (ge ? limit > 0 && limit <= 1 : limit >= 0 && limit < 1));
}

/** The integers that a neuron is a threshold of, if it has no memory. */
function statelessOperand(
  net: Net,
  op: Op,
  types: ReadonlyMap<string, ValueType>,
  producers: ReadonlyMap<string, Op>,
): string | undefined {
  if (op.name !== "neuron.lif") return undefined;
  const view = viewOf(net, op, types);
  const [current = ""] = op.operands;
  if (view.word("reset") !== "hard" || view.number("v_reset") !== 0 || view.number("v0") !== 0) return undefined;
  const real = view.operand(0).number.kind === "real";
  const producer = producers.get(current);
  const counts = real ? (producer?.name === "to-real" ? producer.operands[0] : undefined) : current;
  const type = types.get(counts ?? "");
  if (type?.number.kind !== "int" || type.number.lo < 0 || !sameTime(type.time, op.type.time)) return undefined;
  const { hi, exp } = type.number;
  const channels = channelsOf(type);
  const stateless = real ? firesFromOne(view, 2 ** exp, channels) : integerFiresFromOne(view, hi, channels);
  return stateless ? counts : undefined;
}

/** Neurons whose potential is always 0 become thresholds on the integers themselves. */
export function foldStateless(net: Net, context: PassContext): Net {
  const types = valueTypes(net);
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const found = new Map<Op, string>();
  for (const op of net.ops) {
    const counts = statelessOperand(net, op, types, producers);
    if (counts !== undefined) found.set(op, counts);
  }
  // A to-real that something else reads stays: then the integers would be read twice, which chips with a fused to-real refuse.
  const users = usersOf(net);
  const outputs = new Set(net.outputs.map((output) => output.value));
  const ops = net.ops.map((op) => {
    const counts = found.get(op);
    const [current = ""] = op.operands;
    if (counts === undefined) return op;
    if (counts !== current && (outputs.has(current) || users.get(current)?.some((user) => !found.has(user)) === true)) {
      return op;
    }
    context.count("neurons-simplified");
    context.count("potentials-removed", slotSize(op.type));
    return { ...op, name: "neuron.threshold", operands: [counts], attrs: { v_th: 1, fire: "ge" } };
  });
  return ops.every((op, i) => op === net.ops[i]) ? net : { ...net, ops };
}
