import { evaluate, flatten, sameType, type Net, type Op, type Slot } from "../../src/ir/index.js";
import { potentialAt } from "../../src/validate/agreement.js";
import { randomInputs } from "./random-net.js";

/** Rounding of f32 chains of a few ops, with gains and thresholds around 1. */
const ROUNDING = 1e-4;

/**
 * What differs between a net and what an `exact-in-reals` pass made of it, apart from rounding; one line per fault. Integers of the
 * first net are forced upon the second, so that a spike flipped by rounding is one difference and not many. A
 * flipped spike is inside the margin when the potential of the first net is within rounding of the threshold; the state of that neuron is
 * then another one, and it is not compared any more.
 */
export function faultsOutsideMargin(before: Net, after: Net, seed: number): readonly string[] {
  const inputs = randomInputs(before, seed);
  const reference = evaluate(before, inputs);
  const known = new Map(before.ops.map((op) => [op.result, op]));
  const faults: string[] = [];
  const flipped = new Set<string>();

  const compare = (op: Op, slot: Slot, expected: Slot, moment: number): void => {
    for (const [i, value] of slot.entries()) {
      const key = `${op.result} ${i}`;
      if (value === expected[i] || flipped.has(key)) continue;
      flipped.add(key);
      if (op.name === "to-int" && Math.abs(value - expected[i]!) <= 1) continue;
      const seen = potentialAt(before, op, reference, i, moment);
      const near = seen !== undefined && Math.abs(seen.h - seen.vTh) <= ROUNDING * Math.max(1, Math.abs(seen.h));
      if (near) continue;
      const where = seen === undefined ? "" : `, h = ${seen.h}, v_th = ${seen.vTh}`;
      faults.push(`%${op.result} (${op.name}) at ${i}, moment ${moment}: ${value}, expected ${expected[i]}${where}`);
    }
  };

  const result = evaluate(after, inputs, {
    intercept(op, slot, moment) {
      const original = known.get(op.result);
      const expected = reference.values.get(op.result)?.[moment];
      if (original === undefined || expected === undefined || !sameType(original.type, op.type)) return slot;
      if (op.type.number.kind === "real") return slot;
      compare(original, slot, expected, moment);
      return expected;
    },
  });

  for (const [name, value] of reference.outputs) {
    const [got, expected] = [flatten(result.outputs.get(name) ?? []), flatten(value)];
    if (got.length !== expected.length) faults.push(`output ${name} has ${got.length} values`);
    const off = expected.findIndex((y, i) => !(Math.abs(got[i]! - y) <= 10 * ROUNDING * Math.max(1, Math.abs(y))));
    if (off >= 0) faults.push(`output ${name} at ${off}: ${got[off]}, expected ${expected[off]}`);
  }
  return faults;
}
