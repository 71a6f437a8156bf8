import { BACKENDS } from "../backends/index.js";
import type { Program } from "../backends/program/index.js";
import { readChip, type LayerwiseChip } from "../chips/index.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { cliDiagnostics } from "./diagnostics.js";

interface Where {
  readonly target: string;
  /** By name, or the description itself. */
  readonly chip: string | LayerwiseChip;
  readonly timeBlock?: number | undefined;
}

/** Compiles a net for a target and chip. */
export function compileNet(net: Net, { target, chip, timeBlock }: Where, report: Report): Program | undefined {
  const backend = BACKENDS.find((b) => b.name === target);
  if (backend === undefined) {
    const hint = didYouMean(
      target,
      BACKENDS.map((b) => b.name),
    );
    return report.add(cliDiagnostics.make("unknown-name", `no target \`${target}\``, { hint }));
  }
  const description = typeof chip === "string" ? readChip(chip, report) : chip;
  if (description === undefined) return undefined;
  return backend.compile(net, description, timeBlock === undefined ? {} : { timeBlock }, report);
}
