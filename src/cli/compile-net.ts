import { BACKENDS } from "../backends/index.js";
import type { Program } from "../backends/program/index.js";
import { readChip } from "../chips/index.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import { cliDiagnostics } from "./diagnostics.js";

/** Compiles a net for a target and chip by name. */
export function compileNet(
  net: Net,
  {
    target,
    chip,
    timeBlock,
  }: { readonly target: string; readonly chip: string; readonly timeBlock?: number | undefined },
  report: Report,
): Program | undefined {
  const backend = BACKENDS.find((b) => b.name === target);
  if (backend === undefined) {
    const hint = didYouMean(
      target,
      BACKENDS.map((b) => b.name),
    );
    return report.add(cliDiagnostics.make("unknown-name", `no target \`${target}\``, { hint }));
  }
  const description = readChip(chip, report);
  if (description === undefined) return undefined;
  return backend.compile(net, description, timeBlock === undefined ? {} : { timeBlock }, report);
}
