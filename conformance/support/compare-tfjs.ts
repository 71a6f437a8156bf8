/**
 * Compares cases with their recording through the TensorFlow.js that the checkout has, and prints what it found as JSON. Run as a
 * process of its own, `tsx compare-tfjs.ts CASE...`, in a copy where tfjs-node is installed.
 */
import { loadTfjsKernels } from "../../src/tfjs/index.js";
import { compareWithRecording, importCase } from "./golden.js";
import { SHARED } from "./shared.js";

export interface TfjsComparison {
  readonly backend: string;
  readonly note?: string;
  /** Faults by case. */
  readonly faults: Readonly<Record<string, readonly string[]>>;
}

const { kernels, backend, note } = await loadTfjsKernels();
const faults = Object.fromEntries(
  process.argv.slice(2).map((name) => [name, compareWithRecording(importCase(SHARED, name), kernels)]),
);
const result: TfjsComparison = { backend, faults, ...(note === undefined ? {} : { note }) };
process.stdout.write(`${JSON.stringify(result)}\n`);
