import type { IntTensor, RealTensor } from "../constant.js";
import { defineOp, instant, newSlot, problem, stateful, type OpView, type Problem, type Slot } from "../op.js";
import { MAX_TIMESTEPS, printType, sameShape, timestepsOf, type ValueType } from "../types.js";

/** Slots that a constant's tensor holds: one that stands for all moments, or one for each. */
function slotsOf(view: OpView): number {
  return view.values(0).shape[0] ?? 1;
}

/** Moment `index` of the tensor. */
function slotAt(view: OpView, type: ValueType, index: number): Slot {
  const { data } = view.values(0);
  const slot = newSlot(type);
  slot.set(data.subarray(index * slot.length, (index + 1) * slot.length));
  return slot;
}

function declaredProblem({ time, number }: ValueType): Problem | undefined {
  if (!(time.count >= 1 && time.period >= 1 && timestepsOf(time) <= MAX_TIMESTEPS)) {
    return problem("timesteps", `a constant lives over 1 to ${MAX_TIMESTEPS} timesteps, got ${timestepsOf(time)}`);
  }
  if (number.kind === "int" && !(number.lo <= number.hi && Number.isInteger(number.exp))) {
    return problem("range", `a constant of integers needs a range, got ${number.lo}..${number.hi}`);
  }
  return undefined;
}

/** What is wrong with the values for a type that has their shape. */
function valueProblem(values: RealTensor | IntTensor, { number }: ValueType): Problem | undefined {
  if (values.kind !== number.kind) {
    return problem("type-mismatch", `the constant holds ${values.kind} values, the type ${number.kind} ones`);
  }
  if (number.kind === "real") return undefined;
  const at = values.data.findIndex((x) => x < number.lo || x > number.hi);
  if (at < 0) return undefined;
  return problem("range", `value ${at} is ${values.data[at]}, the type allows ${number.lo}..${number.hi}`);
}

export const constant = defineOp({
  name: "constant",
  summary: "values that no input changes",
  doc: `y[t] = values[0] where the tensor has one slot, values[t] where it has one for each moment of the declared type
The tensor is [slots, shape...], of real numbers or of integers in units of the type's 2^exp. Made by canonicalize of ops that compute the
same for every input. With one slot it can be re-timed; with one for each timestep the position in time is its state.`,
  operands: [],
  symbols: [{ name: "values", kind: "values", doc: "[1, shape...], or [slots of the type, shape...]" }],
  attrs: {},
  temporal: (view) => (slotsOf(view) === 1 ? instant() : stateful()),
  spatial: "pointwise",
  infer(view) {
    const { type } = view.op;
    if (type === undefined) {
      return problem(
        "type-mismatch",
        "`constant` needs a type",
        "write `: ` and the type, for example `: real<4t, 16>`",
      );
    }
    const wrong = declaredProblem(type);
    if (wrong !== undefined) return wrong;
    const values = view.values(0);
    const [slots = 0, ...shape] = values.shape;
    if (!sameShape(shape, type.shape)) {
      const message = `the values are ${values.shape.join("x")}, ${printType(type)} needs [slots, ${type.shape.join(", ")}]`;
      return problem("shape-mismatch", message);
    }
    if (slots !== 1 && slots !== type.time.count) {
      const hint = slots > 1 ? "a constant with values of its own for each moment cannot be re-timed" : undefined;
      return problem(
        "timesteps",
        `the values have ${slots} slots, ${printType(type)} needs 1 or ${type.time.count}`,
        hint,
      );
    }
    return valueProblem(values, type) ?? type;
  },
  init({ view }): Record<string, Slot> {
    return slotsOf(view) === 1 ? {} : { moment: Int32Array.of(0) };
  },
  step({ view, type }, state) {
    const clock = state["moment"];
    if (clock === undefined) return [slotAt(view, type, 0)];
    const t = clock[0]!;
    clock[0] = t + 1;
    return t % type.time.period === 0 ? [slotAt(view, type, t / type.time.period)] : [];
  },
  examples: [
    {
      text: `net @example(%x: real<3t, 2>) -> real<3t, 2> {
  const @b : real<1x2> = [0.5, -1]
  %c = constant @b : real<3t, 2>
  %y = stream.add %x, %c : real<3t, 2>
  return %y
}`,
      inputs: { x: [0, 0, 1, 1, 2, 2] },
      outputs: { y: [0.5, -1, 1.5, 0, 2.5, 1] },
    },
    {
      text: `net @example(%a: spike<4t, 1>) -> spike<4t, 1> {
  const @clock : int<2x1> = [1, 0]
  %c = constant @clock : spike<2t/2, 1>
  %y = mask.and %a, %c : spike<4t, 1>
  return %y
}`,
      inputs: { a: [1, 0, 1, 1] },
      outputs: { y: [1, 0, 0, 0] },
    },
  ],
});
