import { BACKENDS, type Backend, type CompileOptions } from "../backends/index.js";
import type { Program } from "../backends/program/index.js";
import { readChip, type LayerwiseChip } from "../chips/index.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { cliDiagnostics } from "./diagnostics.js";

export interface TargetOptions {
  readonly target: string;
  /** By name, or the description itself. */
  readonly chip: string | LayerwiseChip;
}

/** The backend and the chip description of these names. */
export function findTarget(
  { target, chip }: TargetOptions,
  report: Report,
): { readonly backend: Backend; readonly chip: LayerwiseChip } | undefined {
  const backend = BACKENDS.find((b) => b.name === target);
  if (backend === undefined) {
    const hint = didYouMean(
      target,
      BACKENDS.map((b) => b.name),
    );
    return report.add(cliDiagnostics.make("unknown-name", `no target \`${target}\``, { hint }));
  }
  const description = typeof chip === "string" ? readChip(chip, report, "layerwise") : chip;
  return description && { backend, chip: description };
}

/** Compiles a net for a target and chip. */
export function compileNet(
  net: Net,
  options: TargetOptions & { readonly [O in keyof CompileOptions]: CompileOptions[O] | undefined },
  report: Report,
): Program | undefined {
  const found = findTarget(options, report);
  if (found === undefined) return undefined;
  const { timeBlock, schedule } = options;
  const how = { ...(timeBlock === undefined ? {} : { timeBlock }), ...(schedule === undefined ? {} : { schedule }) };
  return found.backend.compile(net, found.chip, how, report);
}
