import { existsSync } from "node:fs";
import { basename } from "node:path";
import { readProgram } from "../backends/program/index.js";
import { Report } from "../diagnostics/index.js";
import { readCheckpointFile, readSafetensors } from "../frontend/formats/index.js";
import { importModel } from "../frontend/import-model.js";
import { MODELS } from "../frontend/models/index.js";
import { importNetx } from "../frontend/netx/index.js";
import { constantsFromTensors, parseNet, verifyNet, type Constant, type Net } from "../ir/index.js";
import type { Io, ModelOptions } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { constantsPath, readFileOrThrow } from "./files.js";
import { Progress } from "./progress.js";
import { count } from "./text.js";
import { checkSource, makeRandomNet, ratesSummary } from "./random-net.js";

/** IR text with the constants beside it. */
function loadText(path: string, report: Report): Net | undefined {
  const source = new TextDecoder().decode(readFileOrThrow(path));
  const beside = constantsPath(path);
  let constants: ReadonlyMap<string, Constant> = new Map();
  const found = existsSync(beside);
  if (found) {
    const tensors = readSafetensors(readFileOrThrow(beside), beside, report);
    if (tensors === undefined) return undefined;
    const read = constantsFromTensors(tensors.tensors, beside);
    for (const diagnostic of read.diagnostics) report.add(diagnostic);
    constants = read.constants;
  }
  const { net, diagnostics } = parseNet(source, basename(path), constants);
  const unread = found ? 0 : diagnostics.filter(({ message }) => message.includes("for external `@")).length;
  if (unread > 0) {
    const message = `\`${path}\` keeps ${count(unread)} constants in \`${beside}\`, and there is no such file`;
    const hint = "the file of constants has the name of its text: copy or rename both";
    return report.add(cliDiagnostics.make("cannot-read", message, { hint }));
  }
  for (const diagnostic of diagnostics) report.add(diagnostic);
  if (net === undefined || report.failed) return undefined;
  for (const diagnostic of verifyNet(net)) report.add(diagnostic);
  return report.failed ? undefined : net;
}

/** Reports what stands in the way of a file without --arch: it is a program, no checkpoint at all, or one that needs an architecture. */
export function reportNoArch(path: string, report: Report): undefined {
  if (readProgram(path, new Report()) !== undefined) {
    const hint = `run it with \`spikec simulate ${path}\`; other programs are compiled from the checkpoint or IR text`;
    return report.add(cliDiagnostics.make("is-program", `\`${path}\` is already a program`, { hint }));
  }
  if (readCheckpointFile(path, report) === undefined) return undefined;
  const hint = `add --arch ${MODELS.map((model) => model.name).join(" or --arch ")}`;
  return report.add(cliDiagnostics.make("arch-needed", `\`${path}\` does not say which architecture it is`, { hint }));
}

/** A net from a checkpoint of a named architecture, from IR text (`.snn`), from a NetX network (`.net`), or made from a seed. */
export async function loadNet(
  path: string | undefined,
  options: ModelOptions,
  report: Report,
  io: Io,
): Promise<Net | undefined> {
  if (!checkSource(path, options, report)) return undefined;
  if (path === undefined) {
    const made = makeRandomNet(options, report, new Progress(io));
    if (made?.calibration !== undefined) io.err(ratesSummary(made.calibration));
    return made?.model.net;
  }
  if (path.endsWith(".snn")) return loadText(path, report);
  if (path.endsWith(".net")) return (await importNetx(path, options.set, report))?.net;
  if (options.arch === undefined) return reportNoArch(path, report);
  return importModel(path, { arch: options.arch, overrides: options.set }, report)?.net;
}
