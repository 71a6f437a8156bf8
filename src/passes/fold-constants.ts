import { DiagnosticError } from "../diagnostics/index.js";
import {
  isWeighted,
  channelsOf,
  components,
  findOp,
  flatten,
  intTensor,
  newSlot,
  realTensor,
  runOp,
  slotSize,
  usersOf,
  valueTypes,
  viewOf,
  type Constant,
  type Net,
  type Op,
  type Slot,
  type Value,
  type ValueType,
} from "../ir/index.js";
import type { PassContext } from "./pass.js";
import { valueRanges, type Range } from "./ranges.js";
import { freeName } from "./rewrite.js";

/** Values that no input changes, as part of canonicalize: see its documentation. */

/** Ops whose result is the same whatever the other operands are, once one of them is 0. */
const ABSORBING = new Set(["mask.and", "mask.tokens", "attention.statten", "attention.kv", "attention.q"]);
const BYTES_PER_NUMBER = 4;

/** A value that is the same slot at all moments; the slots share their memory. */
function held(type: ValueType, slot: Slot): Value {
  return Array.from({ length: type.time.count }, () => slot);
}

function isZeroValue(value: Value): boolean {
  return value.every((slot) => slot.every((x: number) => Object.is(x, 0)));
}

/** The value that the bounds of an integer leave, if they leave one. */
function onlyInteger(type: ValueType, { lo, hi }: Range): Value | undefined {
  if (type.number.kind !== "int" || !lo.every((x, c) => x === hi[c])) return undefined;
  const channels = channelsOf(type);
  const slot = newSlot(type);
  for (let i = 0; i < slot.length; i++) slot[i] = lo[i % channels]!;
  return held(type, slot);
}

/** Finds the constant values of a net, one op after the other. */
class ConstantFinder {
  readonly values = new Map<string, Value>();
  private readonly types: ReadonlyMap<string, ValueType>;
  private readonly ranges: ReadonlyMap<string, Range>;
  private readonly inCycle: ReadonlySet<Op>;

  constructor(
    private readonly net: Net,
    private readonly maxBytes: number,
  ) {
    this.types = valueTypes(net);
    this.ranges = valueRanges(net);
    this.inCycle = new Set(components(net).flatMap(({ ops, cyclic }) => (cyclic ? ops : [])));
  }

  run(): void {
    for (const op of this.net.ops) {
      if (slotSize(op.type) * op.type.time.count * BYTES_PER_NUMBER > this.maxBytes) continue;
      const range = this.ranges.get(op.result);
      const integer = range === undefined ? undefined : onlyInteger(op.type, range);
      if (integer !== undefined) this.values.set(op.result, integer);
      else this.evaluate(op);
    }
  }

  /** Runs the op itself; state is the reset one, because every sample starts with it. */
  private evaluate(op: Op): void {
    if (this.inCycle.has(op)) return;
    const operands = this.operandValues(op);
    if (operands === undefined) return;
    const values = new Map(operands);
    try {
      runOp(this.net, op, this.types, values);
    } catch (error) {
      // What fails on these values is an error of the run, if it comes to that: the op may be one that no output needs.
      if (error instanceof DiagnosticError) return;
      throw error;
    }
    const value = values.get(op.result);
    // What is not finite cannot be a constant.
    if (value?.every((slot) => slot.every((x: number) => Number.isFinite(x))) === true) {
      this.values.set(op.result, value);
    }
  }

  /** What to evaluate an op on, if nothing unknown matters to it. */
  private operandValues(op: Op): readonly (readonly [string, Value])[] | undefined {
    const known = op.operands.map((name) => this.values.get(name));
    const absorbs = ABSORBING.has(op.name) && known.some((value) => value !== undefined && isZeroValue(value));
    const deaf = absorbs || this.hasNoWeights(op);
    if (!deaf && !known.every((value) => value !== undefined)) return undefined;
    return op.operands.map((name, i) => {
      const type = this.types.get(name)!;
      return [name, known[i] ?? held(type, newSlot(type))] as const;
    });
  }

  /** Real operands count only as inputs, which are finite: 0 times a sum that overflowed is not 0. */
  private hasNoWeights(op: Op): boolean {
    if (!isWeighted(op)) return false;
    const view = viewOf(this.net, op, this.types);
    const finite = view.operand(0).number.kind === "int" || this.net.inputs.some(({ name }) => name === op.operands[0]);
    return finite && view.weights().mantissa.every((m) => m === 0);
  }
}

function sameSlot(a: Slot, b: Slot): boolean {
  return a.every((x: number, i: number) => Object.is(x, b[i]));
}

/** A value as a tensor: one slot where all are the same. */
function tensorOf(value: Value, type: ValueType): Constant {
  const first = value[0] ?? newSlot(type);
  const slots = value.every((slot) => slot === first || sameSlot(slot, first)) ? [first] : value;
  const data = flatten(slots);
  const shape = [slots.length, ...type.shape];
  return data instanceof Float32Array ? realTensor(shape, data) : intTensor(shape, data);
}

/**
 * Puts constants in the place of ops that compute the same for every input, where something reads them that does not. What an output
 * returns is still computed: a chip that writes its outputs needs something that writes them.
 */
export function foldConstants(net: Net, context: PassContext, maxBytes: number): Net {
  const finder = new ConstantFinder(net, maxBytes);
  finder.run();
  const { values } = finder;
  const users = usersOf(net);
  const outputs = new Set(net.outputs.map((output) => output.value));
  const constants = new Map(net.constants);
  const folded = (op: Op): Value | undefined => {
    if (findOp(op.name)?.operands.length === 0 || outputs.has(op.result)) return undefined;
    const needed = users.get(op.result)?.some((user) => !values.has(user.result) || outputs.has(user.result)) === true;
    return needed ? values.get(op.result) : undefined;
  };
  let changed = false;
  const ops = net.ops.map((op): Op => {
    const value = folded(op);
    if (value === undefined) return op;
    changed = true;
    const symbol = freeName("folded", constants);
    constants.set(symbol, tensorOf(value, op.type));
    context.count("constants-folded");
    if (op.layer !== undefined) {
      context.count("layers-folded");
      context.removeLayer(op.layer.name);
    }
    const origin = op.origin === undefined ? {} : { origin: op.origin };
    return {
      name: "constant",
      result: op.result,
      operands: [],
      symbols: [symbol],
      attrs: {},
      type: op.type,
      ...origin,
    };
  });
  return changed ? { ...net, ops, constants } : net;
}
