import { BACKENDS, LAYERWISE, type CompileOptions } from "../backends/index.js";
import type { Program } from "../backends/program/index.js";
import { readChip, type Chip, type LayerwiseChip } from "../chips/index.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { cliDiagnostics } from "./diagnostics.js";
import { DEFAULT_CHIPS } from "./options.js";

export interface TargetOptions {
  /** Default: that of the chip. */
  readonly target?: string | undefined;
  /** By name, or the description itself; default: one of the target. */
  readonly chip?: string | LayerwiseChip | undefined;
}

/** The chip description that options name, which has to be of the target that they name. */
export function findChip(
  { target, chip }: { readonly target?: string | undefined; readonly chip?: string | undefined },
  report: Report,
): Chip | undefined {
  const backend = BACKENDS.find(({ name }) => name === target);
  if (target === undefined) return readChip(chip ?? DEFAULT_CHIPS.layerwise, report);
  if (backend !== undefined) return readChip(chip ?? DEFAULT_CHIPS[backend.name], report, backend.name);
  const names = BACKENDS.map(({ name }) => name);
  return report.add(
    cliDiagnostics.make("unknown-name", `no target \`${target}\``, { hint: didYouMean(target, names) }),
  );
}

/** The layer-by-layer chip that options name; a chip of another target is an error. */
export function findLayerwiseChip({ target, chip }: TargetOptions, report: Report): LayerwiseChip | undefined {
  if (typeof chip === "object") return chip;
  if (target !== undefined && findChip({ target, chip }, report) === undefined) return undefined;
  return readChip(chip ?? DEFAULT_CHIPS.layerwise, report, "layerwise");
}

/** Compiles a net for a layer-by-layer chip. */
export function compileNet(
  net: Net,
  options: TargetOptions & { readonly [O in keyof CompileOptions]: CompileOptions[O] | undefined },
  report: Report,
): Program | undefined {
  const chip = findLayerwiseChip(options, report);
  if (chip === undefined) return undefined;
  const { timeBlock, schedule } = options;
  const how = { ...(timeBlock === undefined ? {} : { timeBlock }), ...(schedule === undefined ? {} : { schedule }) };
  return LAYERWISE.compile(net, chip, how, report);
}
