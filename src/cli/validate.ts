import type { Command } from "commander";
import { readChip } from "../chips/index.js";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { importModel } from "../frontend/import-model.js";
import { MODELS } from "../frontend/models/index.js";
import { loadTfjsKernels } from "../tfjs/index.js";
import { validateDiagnostics } from "../validate/diagnostics.js";
import { runLadder, type Rung } from "../validate/ladder.js";
import { readRecordedCase } from "../validate/recorded-case.js";
import { collectText, positiveInteger, runCommand, type Io } from "./command.js";

interface ValidateOptions {
  readonly json?: boolean;
  readonly chip: readonly string[];
  readonly timeBlock?: number;
  readonly tfjs: boolean;
}

function rungLine(rung: Rung): string {
  const mark = { passed: "pass", failed: "FAIL", skipped: "skip" }[rung.status];
  return `${mark}  ${rung.name}: ${rung.detail}`;
}

async function validateCase(folder: string, options: ValidateOptions, report: Report, io: Io): Promise<boolean> {
  const recorded = readRecordedCase(folder, report);
  if (recorded === undefined) return false;
  if (!MODELS.some((model) => model.name === recorded.arch)) {
    const hint = didYouMean(
      recorded.arch,
      MODELS.map((model) => model.name),
    );
    report.add(
      validateDiagnostics.make(
        "unsupported-case",
        `case \`${recorded.name}\` records a \`${recorded.arch}\` network, which cannot be imported`,
        { hint },
      ),
    );
    return false;
  }
  const model = importModel(recorded.checkpoint, { arch: recorded.arch }, report);
  const chips = options.chip.map((name) => readChip(name, report)).filter((chip) => chip !== undefined);
  if (model === undefined || report.failed) return false;
  const tfjs = options.tfjs ? await loadTfjsKernels() : { reason: "--no-tfjs" };
  const onRung = (rung: Rung): void => {
    if (options.json !== true) io.out(rungLine(rung));
  };
  if (options.json !== true)
    io.out(
      `pass  import: ${recorded.arch}, ${model.net.ops.length} ops, ${recorded.layers.length} spiking layers, ${recorded.samples} samples`,
    );
  const settings = {
    chips,
    tfjs,
    onRung,
    ...(options.timeBlock === undefined ? {} : { timeBlock: options.timeBlock }),
  };
  const rungs = runLadder(model.net, recorded, settings, report);
  const failed = rungs.filter((rung) => rung.status === "failed").length;
  if (options.json === true)
    io.out(JSON.stringify({ case: recorded.name, arch: recorded.arch, passed: failed === 0, rungs }, null, 2));
  else
    io.out(
      failed === 0
        ? `${recorded.name}: every rung passed`
        : `${recorded.name}: ${failed} of ${rungs.length + 1} rungs failed`,
    );
  return failed === 0;
}

export function registerValidate(program: Command, io: Io): void {
  program
    .command("validate")
    .description("run the validation ladder on a recorded case: one line per rung, first mismatch located")
    .argument("<case>", "folder with config.json, layers.json, model.pth, input.npy, expect.npz")
    .option("--chip <name>", "chip description, built in or a JSON file; repeatable", collectText, [])
    .option("--time-block <timesteps>", "timesteps a layer runs before the next one starts", positiveInteger)
    .option("--no-tfjs", "leave out the TensorFlow.js rung")
    .option("--json", "print JSON")
    .action((folder: string, options: ValidateOptions) =>
      runCommand(io, (report) =>
        validateCase(
          folder,
          { ...options, chip: options.chip.length > 0 ? options.chip : ["layerwise-default"] },
          report,
          io,
        ),
      ),
    );
}
