import { existsSync } from "node:fs";
import { join } from "node:path";
import { Report, renderDiagnostic } from "../../src/diagnostics/index.js";
import { importModel } from "../../src/frontend/import-model.js";
import type { LinearKernels, Net } from "../../src/ir/index.js";
import { readRecordedCase, type RecordedCase } from "../../src/validate/recorded-case.js";
import { replay, type Replay } from "../../src/validate/replay.js";

/** Recorded cases whose architecture spikec imports. */
export const GOLDEN_CASES = [
  "statten-tiny",
  "statten-cifar",
  "statten-dvs",
  "statten-grid12",
  "sdt-cifar",
  "sdt-dvs",
  "statten-fashion-trained",
] as const;

/** Largest logit difference that the recorded cases allow (their README, "Exactness"). */
const LOGIT_TOLERANCE = 1e-5;

export interface ImportedCase {
  readonly recorded: RecordedCase;
  readonly net: Net;
}

function found<T>(value: T | undefined, report: Report): T {
  if (value !== undefined && !report.failed) return value;
  throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
}

/** Reads a recorded case and imports its checkpoint; every diagnostic of severity error fails the check. */
export function importCase(shared: string, name: string): ImportedCase {
  const folder = join(shared, "golden", name);
  if (!existsSync(folder)) throw new Error(`no recorded case ${folder}`);
  const report = new Report();
  const recorded = found(readRecordedCase(folder, report), report);
  const { net } = found(importModel(recorded.checkpoint, { arch: recorded.arch }, report), report);
  return { recorded, net };
}

/** What is wrong with a replay, one line per fault; recorded cases allow no mismatch at all. */
export function faultsOf(result: Replay, how: string): readonly string[] {
  const faults = result.unmatched.map((layer) => `${how}: no counterpart for ${layer}`);
  if (result.layers.length === 0) faults.push(`${how}: no layer was compared`);
  for (const { name, mismatches, first } of result.layers) {
    if (mismatches > 0) faults.push(`${how}: ${name} has ${mismatches} mismatches, first ${JSON.stringify(first)}`);
  }
  if (!(result.logitDifference <= LOGIT_TOLERANCE)) faults.push(`${how}: logits are off by ${result.logitDifference}`);
  return faults;
}

/** Compares every spike of a case, with the recorded inputs of each layer and with the computed ones. */
export function compareWithRecording({ net, recorded }: ImportedCase, kernels?: LinearKernels): readonly string[] {
  const swapped = kernels === undefined ? {} : { kernels };
  return [true, false].flatMap((forced) =>
    faultsOf(replay(net, recorded, { forced, ...swapped }), forced ? "teacher-forced" : "free-running"),
  );
}
