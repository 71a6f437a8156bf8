import { internalError, renderDiagnostic, Report, type Diagnostic } from "../diagnostics/index.js";
import { passDiagnostics } from "./diagnostics.js";
import type { Calibration } from "./calibration.js";
import { PassContext, type Fact, type Pass, type PassTable, type PipelineStep, type SubjectKind } from "./pass.js";
import { printStep } from "./pipeline.js";

/** What one pass of a run did. */
export interface PassRecord {
  /** The pass with its options, as text. */
  readonly step: string;
  readonly pass: string;
  readonly changed: boolean;
  readonly counters: ReadonlyMap<string, number>;
  /** Layers of the source model that the pass removed on purpose. */
  readonly layersRemoved: readonly string[];
  /** What the pass found out, for people. */
  readonly tables: readonly PassTable[];
  /** Without a clock 0; without verification. */
  readonly seconds: number;
}

export interface RunOptions {
  /** Checks the subject after every pass; on by default. */
  readonly verifyEach?: boolean;
  /** Which results to hand to `onPrint`: after every pass, after those that changed something, or after one pass. */
  readonly printAfter?: "all" | "changed" | { readonly pass: string };
  readonly onPrint?: (step: string, text: string) => void;
  readonly onPass?: (record: PassRecord) => void;
  /** Sees the subject before a pass that broke it, so that it can be saved as a test case. */
  readonly onBroken?: (step: string, before: string) => void;
  /** Inputs on which passes may measure. */
  readonly calibration?: Calibration;
  /** Seconds since any moment; injected, because passes know no clock. */
  readonly clock?: () => number;
}

export interface PipelineRun<S> {
  /** Absent when a pass reported an error. */
  readonly result?: S;
  readonly records: readonly PassRecord[];
  readonly diagnostics: readonly Diagnostic[];
}

function requirementFault<S>(
  step: PipelineStep<Pass<S>>,
  fact: Fact<S>,
  violation: string,
  passes: readonly Pass<S>[],
): Diagnostic {
  const helpers = passes.filter((pass) => [...pass.ensures, ...pass.mayEnsure].some(({ name }) => name === fact.name));
  const names = helpers.map(({ name }) => `\`${name}\``).join(" or ");
  return passDiagnostics.make("requirement", `\`${step.pass.name}\` needs \`${fact.name}\`: ${violation}`, {
    location: step.location,
    hint: helpers.length === 0 ? `it needs: ${fact.doc}` : `run ${names} first, so that ${fact.doc}`,
  });
}

/** Requirements that neither hold at the start nor can be brought about by an earlier pass. */
function hopelessRequirements<S>(
  subject: S,
  steps: readonly PipelineStep<Pass<S>>[],
  passes: readonly Pass<S>[],
): Diagnostic[] {
  const possible = new Set<string>();
  const faults: Diagnostic[] = [];
  for (const step of steps) {
    for (const fact of step.pass.requires) {
      if (possible.has(fact.name)) continue;
      const violation = fact.violation(subject);
      if (violation !== undefined) faults.push(requirementFault(step, fact, violation, passes));
    }
    for (const fact of [...step.pass.ensures, ...step.pass.mayEnsure]) possible.add(fact.name);
  }
  return faults;
}

/** Checks what a pass left behind. That it is illegal is our bug, so it throws and names the pass. */
function checkResult<S>(
  step: PipelineStep<Pass<S>>,
  before: S,
  after: S,
  kind: SubjectKind<S>,
  options: RunOptions,
): void {
  const faults = kind.verify(after);
  const broken = step.pass.ensures.flatMap((fact) => {
    const violation = faults.length > 0 ? undefined : fact.violation(after);
    return violation === undefined ? [] : [`it ensures \`${fact.name}\`, but ${violation}`];
  });
  const reasons = [...faults.slice(0, 3).map(renderDiagnostic), ...broken];
  if (reasons.length === 0) return;
  options.onBroken?.(printStep(step), kind.print(before));
  throw internalError(`pass \`${step.pass.name}\` produced an invalid result\n${reasons.join("\n")}`);
}

function wantsPrint(printAfter: RunOptions["printAfter"], pass: string, changed: boolean): boolean {
  if (printAfter === undefined) return false;
  if (printAfter === "all") return true;
  return printAfter === "changed" ? changed : printAfter.pass === pass;
}

/**
 * Runs passes one after the other. Stops after the pass that reports an error. Verifies after each pass that changed
 * something, and throws an internal error that names the pass when it left something illegal.
 */
export function runSteps<S>(
  subject: S,
  steps: readonly PipelineStep<Pass<S>>[],
  kind: SubjectKind<S>,
  options: RunOptions = {},
): PipelineRun<S> {
  const report = new Report();
  const records: PassRecord[] = [];
  for (const fault of hopelessRequirements(subject, steps, kind.passes)) report.add(fault);
  let current = subject;
  for (const step of steps) {
    if (report.failed) break;
    for (const fact of step.pass.requires) {
      const violation = fact.violation(current);
      if (violation !== undefined) report.add(requirementFault(step, fact, violation, kind.passes));
    }
    if (report.failed) break;
    const context = new PassContext(step, report, options.calibration);
    const start = options.clock?.() ?? 0;
    const next = step.pass.run(current, context);
    const seconds = (options.clock?.() ?? 0) - start;
    const changed = next !== current;
    if (changed && options.verifyEach !== false) checkResult(step, current, next, kind, options);
    current = next;
    const { counters, layersRemoved, tables } = context;
    const record = { step: printStep(step), pass: step.pass.name, changed, counters, layersRemoved, tables, seconds };
    records.push(record);
    options.onPass?.(record);
    if (wantsPrint(options.printAfter, step.pass.name, changed)) options.onPrint?.(record.step, kind.print(current));
  }
  const { diagnostics, failed } = report;
  return failed ? { records, diagnostics } : { result: current, records, diagnostics };
}
