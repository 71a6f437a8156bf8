import {
  findOp,
  sameType,
  valueTypes,
  type AttrValue,
  type Constant,
  type Net,
  type Op,
  type ValueType,
} from "../ir/index.js";
import { foldConstants } from "./fold-constants.js";
import { definePass, type PassContext } from "./pass.js";

/** Integers up to here are exact in f32. */
const EXACT_F32 = 2 ** 24;

function attr(op: Op, name: string): AttrValue | undefined {
  return op.attrs[name] ?? findOp(op.name)?.attrs[name]?.default;
}

/** Whether converting these integers to f32 loses nothing. */
function exactInF32({ number }: ValueType): boolean {
  return number.kind === "int" && number.lo >= -EXACT_F32 && number.hi <= EXACT_F32 && Math.abs(number.exp) <= 64;
}

function sameNumbers(a: ValueType, b: ValueType): boolean {
  if (a.number.kind === "real" || b.number.kind === "real") return false;
  return a.number.lo === b.number.lo && a.number.hi === b.number.hi && a.number.exp === b.number.exp;
}

/** The operand that the other one, a constant of neutral values, leaves as it is, if its type is that of the result. */
function onlyChanged(
  op: Op,
  producers: ReadonlyMap<string, Op>,
  types: ReadonlyMap<string, ValueType>,
  isNeutral: (x: number) => boolean,
  constants: Net["constants"],
): string | undefined {
  const neutral = (name: string): boolean => {
    const producer = producers.get(name);
    const values = producer?.name === "constant" ? constants.get(producer.symbols[0] ?? "") : undefined;
    return values !== undefined && values.kind !== "weights" && values.data.every(isNeutral);
  };
  const [a = "", b = ""] = op.operands;
  const kept = neutral(b) ? a : neutral(a) ? b : undefined;
  const type = types.get(kept ?? "");
  return type !== undefined && sameType(type, op.type) ? kept : undefined;
}

/** The operand that an op passes on bit by bit, or nothing. */
function identityOf(
  op: Op,
  producers: ReadonlyMap<string, Op>,
  types: ReadonlyMap<string, ValueType>,
  constants: Net["constants"],
): string | undefined {
  const [first, second] = op.operands;
  if (first === undefined || op.layer !== undefined) return undefined;
  switch (op.name) {
    case "pool.max":
    case "pool.or":
      return attr(op, "kernel") === 1 && attr(op, "stride") === 1 && attr(op, "padding") === 0 ? first : undefined;
    case "pool.plane":
      return attr(op, "kernel") === 1 ? first : undefined;
    case "mask.and":
      return first === second ? first : onlyChanged(op, producers, types, (x) => x === 1, constants);
    case "stream.add":
      // x + -0 is x, also for x = -0; x + 0 is not (see drop-dead).
      return onlyChanged(op, producers, types, (x) => Object.is(x, -0), constants);
    case "to-int": {
      const inner = producers.get(first);
      const [source] = inner?.name === "to-real" && inner.layer === undefined ? inner.operands : [];
      const type = source === undefined ? undefined : types.get(source);
      return type !== undefined && exactInF32(type) && sameNumbers(type, op.type) ? source : undefined;
    }
    default:
      return undefined;
  }
}

/** Removes ops that only pass their operand on; their users and outputs read the operand. */
function removeIdentities(net: Net, context: PassContext): Net {
  const types = valueTypes(net);
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const standsFor = new Map<string, string>();
  const resolve = (name: string): string => standsFor.get(name) ?? name;
  for (const op of net.ops) {
    const source = identityOf(op, producers, types, net.constants);
    if (source !== undefined) standsFor.set(op.result, resolve(source));
  }
  if (standsFor.size === 0) return net;
  context.count("identities-removed", standsFor.size);
  const ops = net.ops
    .filter((op) => !standsFor.has(op.result))
    .map((op) =>
      op.operands.some((name) => standsFor.has(name)) ? { ...op, operands: op.operands.map(resolve) } : op,
    );
  return { ...net, ops, outputs: net.outputs.map((output) => ({ ...output, value: resolve(output.value) })) };
}

/** The number that a per-channel constant holds in every channel, or nothing. */
function uniformValue(constant: Constant | undefined): number | undefined {
  if (constant?.kind !== "real") return undefined;
  const [first] = constant.data;
  return first !== undefined && constant.data.every((v) => Object.is(v, first)) ? first : undefined;
}

/** Per-channel attributes with the same value everywhere become that number. */
function inlineConstants(net: Net, context: PassContext): Net {
  let changed = false;
  const ops = net.ops.map((op) => {
    const entries = Object.entries(op.attrs).map(([name, value]): [string, AttrValue] => {
      const symbol = typeof value === "object" && "symbol" in value ? value.symbol : undefined;
      const uniform = symbol === undefined ? undefined : uniformValue(net.constants.get(symbol));
      if (uniform !== undefined) context.count("constants-inlined");
      return [name, uniform ?? value];
    });
    if (entries.every(([name, value]) => op.attrs[name] === value)) return op;
    changed = true;
    return { ...op, attrs: Object.fromEntries(entries) };
  });
  return changed ? { ...net, ops } : net;
}

const ANONYMOUS = /^\d+$/;

/** Numbers values without a name of their own from 0 in order; inputs keep theirs. */
function renumber(net: Net, context: PassContext): Net {
  const taken = new Set(net.inputs.map((input) => input.name));
  const names = new Map<string, string>();
  let next = 0;
  for (const { result } of net.ops) {
    if (!ANONYMOUS.test(result)) continue;
    while (taken.has(String(next))) next++;
    if (result !== String(next)) context.count("values-renumbered");
    names.set(result, String(next++));
  }
  if ([...names].every(([from, to]) => from === to)) return net;
  const rename = (name: string): string => names.get(name) ?? name;
  return {
    ...net,
    ops: net.ops.map((op) => ({ ...op, result: rename(op.result), operands: op.operands.map(rename) })),
    outputs: net.outputs.map((output) => ({ ...output, value: rename(output.value) })),
  };
}

export const canonicalize = definePass({
  name: "canonicalize",
  summary: "removes ops that change nothing, simplifies attributes, numbers unnamed values",
  description: `Removed, because the result is bit-equal: pools with kernel 1, stride 1 and no padding; plane pools with kernel 1; the
AND of a value with itself or with ones; the addition of -0; to-int of to-real where the range is the same and every integer is
exact in f32. Not removed: to-real of to-int, which rounds, and the addition of +0, which changes -0 (see drop-dead). An op that carries a
layer name stays.
Folded into a constant, by evaluating the op itself over all timesteps: ops whose operands are constants, neurons driven by a constant
among them (a sample starts with the reset state, so their spikes are the same in every sample); weighted ops whose weights are all 0, or whose
operand is, which become their bias; masks and attentions with an operand that is 0; integers, such as the spikes of a neuron that can never
fire, whose proved range is one number (ranges: see drop-dead). An op in a cycle is folded by its range alone. What an output returns is
still computed, and so is what takes more than max-bytes or is an error of the run. Layers that become constants are counted and named. A net with a folded neuron
cannot be run in pieces unless the constant is the same in each timestep.
A per-channel threshold or decay that is the same in every channel becomes a number. Values named by a number are
renumbered from 0 in order. Constants and values left without a reader are removed by drop-dead.`,
  options: {
    "max-iterations": {
      type: "int",
      min: 1,
      max: 1000,
      default: 10,
      doc: "rounds of simplification; it ends earlier when nothing changes",
    },
    "max-bytes": {
      type: "int",
      min: 0,
      max: 2 ** 30,
      default: 2 ** 22,
      doc: "largest value that becomes a constant, over all its moments, 4 bytes a number",
    },
  },
  counters: {
    "identities-removed": "ops that passed their operand on",
    "constants-folded": "ops that became a constant",
    "layers-folded": "layers of the source model that became a constant: they are declared removed",
    "constants-inlined": "per-channel constants that became one number",
    "values-renumbered": "unnamed values that got another number",
  },
  exactness: { kind: "exact" },
  idempotent: true,
  requires: [],
  ensures: [],
  mayEnsure: [],
  run(net, context) {
    let current = net;
    for (let round = 0; round < context.number("max-iterations"); round++) {
      const folded = foldConstants(current, context, context.number("max-bytes"));
      const next = inlineConstants(removeIdentities(folded, context), context);
      if (next === current) break;
      current = next;
    }
    return renumber(current, context);
  },
  examples: [
    {
      doc: "a pool of one position, a spike and itself, and a uniform threshold",
      pipeline: "canonicalize,drop-dead",
      before: `net @example(%x: real<2t, 2x2x2>) -> spike<2t, 2x2x2> {
  const @th : real<2> = [0.5, 0.5]
  %3 = pool.max %x {kernel = 1} : real<2t, 2x2x2>
  %5 = neuron.lif %3 {v_th = @th} : spike<2t, 2x2x2>
  %y = mask.and %5, %5 : spike<2t, 2x2x2>
  return %y
}`,
      after: `net @example(%x: real<2t, 2x2x2>) -> spike<2t, 2x2x2> {
  %0 = neuron.lif %x {v_th = 0.5} : spike<2t, 2x2x2>
  return %0
}`,
    },
    {
      doc: "the neurons see their bias alone and spike in every second timestep; with them the weighted op behind is a constant",
      pipeline: "canonicalize,drop-dead",
      before: `net @example(%x: spike<4t, 2>, %y: real<4t, 2>) -> real<4t, 2> {
  const @in : weights<2x2> = [0, 0, 0, 0] + [1.5, 1]
  const @out : weights<2x2> = [1, 0, 0, 1] + [0, 0.5]
  %i = synapse.dense %x, @in : real<4t, 2>
  %s = neuron.lif %i {v_th = 1} : spike<4t, 2> layer("lif")
  %o = synapse.dense %s, @out : real<4t, 2>
  %z = stream.add %y, %o : real<4t, 2>
  return %z
}`,
      after: `net @example(%x: spike<4t, 2>, %y: real<4t, 2>) -> real<4t, 2> {
  const @folded : real<4x2> = [0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5]
  %o = constant @folded : real<4t, 2>
  %z = stream.add %y, %o : real<4t, 2>
  return %z
}`,
    },
  ],
});
