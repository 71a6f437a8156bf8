import type { Program } from "../backends/program/index.js";
import { sampleFor } from "../frontend/inputs/channels-last.js";
import type { Machine, RunResult } from "../sim/layerwise/index.js";
import type { RecordedCase } from "./recorded-case.js";

/** Where two values first differ, as a path and both values; undefined where they are equal to the bit. */
export function firstDifference(got: unknown, expected: unknown, path = "result"): string | undefined {
  if (Object.is(got, expected)) return undefined;
  if (typeof got !== "object" || typeof expected !== "object" || got === null || expected === null) {
    return `${path}: ${String(got)} instead of ${String(expected)}`;
  }
  if (ArrayBuffer.isView(got) && ArrayBuffer.isView(expected)) {
    return firstElement(got as unknown as ArrayLike<number>, expected as unknown as ArrayLike<number>, path);
  }
  const [left, right] = [entriesOf(got), entriesOf(expected)];
  if (left.length !== right.length) return `${path}: ${left.length} entries instead of ${right.length}`;
  for (const [i, [name, value]] of right.entries()) {
    const [otherName, other] = left[i]!;
    const at = `${path}.${name}`;
    if (otherName !== name) return `${path}: ${otherName} instead of ${name}`;
    const difference = firstDifference(other, value, at);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function firstElement(got: ArrayLike<number>, expected: ArrayLike<number>, path: string): string | undefined {
  if (got.length !== expected.length) return `${path}: ${got.length} values instead of ${expected.length}`;
  for (let i = 0; i < got.length; i++) {
    if (!Object.is(got[i], expected[i])) return `${path}[${i}]: ${got[i]} instead of ${expected[i]}`;
  }
  return undefined;
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  if (value instanceof Map) return [...value].map(([key, entry]) => [String(key), entry]);
  return Object.entries(value);
}

/** Runs samples on a machine and compares all that it says (cycles, states, conflicts, counters, outputs, spikes) with known results. */
export function compareRuns(
  machine: Machine,
  program: Program,
  recorded: Pick<RecordedCase, "input">,
  expected: readonly RunResult[],
): string | undefined {
  for (const [sample, result] of expected.entries()) {
    const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, recorded.input, sample)]));
    const got = machine.run(inputs, { record: result.spikes !== undefined });
    const difference = firstDifference(got, result, `sample ${sample}`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}
