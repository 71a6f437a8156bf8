import type { Command } from "commander";
import { readChip } from "../chips/index.js";
import type { Report } from "../diagnostics/index.js";
import { importModel, type ImportedModel } from "../frontend/import-model.js";
import { importRanc, isRancFolder } from "../frontend/ranc/index.js";
import { loadTfjsKernels } from "../tfjs/index.js";
import { runLadder } from "../validate/ladder.js";
import { isNeuronCase, readNeuronCase } from "../validate/neuron-case.js";
import { runNeuronLadder } from "../validate/neuron-ladder.js";
import { runRancLadder } from "../validate/ranc.js";
import type { Rung } from "../validate/rung.js";
import { readRecordedCase, type RecordedCase } from "../validate/recorded-case.js";
import { positiveInteger, runCommand, type Io } from "./command.js";
import { refuseWithoutEffect } from "./no-effect.js";
import { chipsOf, DEFAULT_CHIPS, withChips } from "./options.js";
import { withTimeBlock } from "./schedule.js";

interface ValidateOptions {
  readonly json?: boolean;
  readonly chip: readonly string[];
  readonly timeBlock?: number | "auto";
  readonly tfjs: boolean;
  readonly gridWidth?: number;
}

function rungLine(rung: Rung): string {
  const mark = { passed: "pass", failed: "FAIL", skipped: "skip", measured: "meas" }[rung.status];
  return `${mark}  ${rung.name}: ${rung.detail}`;
}

/** The first rung: the checkpoint becomes a verified net. */
function importRung(recorded: RecordedCase, model: ImportedModel | undefined): Rung {
  const detail =
    model === undefined
      ? `${recorded.arch}: refused, see the errors`
      : `${recorded.arch}, ${model.net.ops.length} ops, ${recorded.layers.length} spiking layers, ${recorded.samples} samples`;
  return { name: "import", status: model === undefined ? "failed" : "passed", detail, layers: [] };
}

async function validateCase(folder: string, options: ValidateOptions, report: Report, io: Io): Promise<boolean> {
  if (isRancFolder(folder)) return validateGrid(folder, options, report, io);
  if (isNeuronCase(folder)) return validateNeurons(folder, options, report, io);
  const recorded = readRecordedCase(folder, report);
  const chips = chipsOf(options).flatMap((name) => readChip(name, report) ?? []);
  if (recorded === undefined || report.failed) return false;
  const json = options.json === true;
  const onRung = (rung: Rung): void => {
    if (!json) io.out(rungLine(rung));
  };
  const model = importModel(recorded.checkpoint, { arch: recorded.arch }, report);
  const rungs = [importRung(recorded, model)];
  rungs.forEach(onRung);
  if (model !== undefined) {
    const tfjs = options.tfjs ? await loadTfjsKernels() : { reason: "--no-tfjs" };
    if ("note" in tfjs && tfjs.note !== undefined) io.err(tfjs.note);
    const timeBlock = options.timeBlock === undefined ? {} : { timeBlock: options.timeBlock };
    rungs.push(...runLadder(model.net, recorded, { chips, tfjs, onRung, ...timeBlock }, report));
  }
  return conclude({ case: recorded.name, arch: recorded.arch }, rungs, json, io);
}

/** Prints the verdict, or everything as JSON; whether no rung failed. */
function conclude(
  subject: Readonly<Record<string, string>> & { readonly case: string },
  rungs: readonly Rung[],
  json: boolean,
  io: Io,
): boolean {
  const failed = rungs.filter((rung) => rung.status === "failed").length;
  const passed = failed === 0;
  const skipped = rungs.filter((rung) => rung.status === "skipped").length;
  const sound = skipped === 0 ? "every rung passed" : `no rung failed, ${skipped} skipped`;
  const verdict = passed ? sound : `${failed} of ${rungs.length} rungs failed`;
  io.out(json ? JSON.stringify({ ...subject, passed, rungs }, null, 2) : `${subject.case}: ${verdict}`);
  return passed;
}

/** The chip of recorded integer neurons: the one that the tools emulate. */
const NEURON_CHIP = "loihi1";

/** A recorded case of integer neurons, by the evaluator and on each chip. */
function validateNeurons(folder: string, options: ValidateOptions, report: Report, io: Io): boolean {
  const json = options.json === true;
  const recorded = readNeuronCase(folder, report);
  const names = options.chip.length > 0 ? options.chip : [NEURON_CHIP];
  const chips = names.flatMap((name) => readChip(name, report, "loihi") ?? []);
  if (recorded === undefined || report.failed) return false;
  const rungs = runNeuronLadder(recorded, chips, (rung) => {
    if (!json) io.out(rungLine(rung));
  });
  return conclude({ case: recorded.network.name, tool: recorded.network.profile }, rungs, json, io);
}

const GRID_CHIP = "truenorth-grid";

/** RANC's memory files, on each chip. */
function validateGrid(folder: string, options: ValidateOptions, report: Report, io: Io): boolean {
  const json = options.json === true;
  const onRung = (rung: Rung): void => {
    if (!json) io.out(rungLine(rung));
  };
  const names = options.chip.length > 0 ? options.chip : [GRID_CHIP];
  const chips = names.flatMap((name) => readChip(name, report, "loihi") ?? []);
  const grids = report.failed ? [] : chips.flatMap((chip) => importRanc(folder, chip, report, options.gridWidth) ?? []);
  if (report.failed) return false;
  const rungs = grids.flatMap((grid) => runRancLadder(grid, onRung));
  return conclude({ case: folder, tool: "RANC" }, rungs, json, io);
}

const CHIP_DEFAULTS = `${DEFAULT_CHIPS.layerwise}; of integer neurons ${NEURON_CHIP}, of crossbar cores ${GRID_CHIP}`;

const CASE_HELP =
  "folder with config.json, layers.json, model.pth, input.npy, expect.npz; of integer neurons: config.json with `tool` and `layers`, the arrays that it names, input.npy, expect.npz; of a grid of crossbar cores: RANC's csram_*.mem, tc_*.mem, tb_*.txt";

export function registerValidate(program: Command, io: Io): void {
  const command = program
    .command("validate")
    .description("run the validation ladder on a recorded case: one line per rung, first mismatch located")
    .argument("<case>", CASE_HELP);
  withTimeBlock(withChips(command, CHIP_DEFAULTS))
    .option("--no-tfjs", "leave out the TensorFlow.js rung")
    .option(
      "--grid-width <n>",
      "cores in a row of a grid of crossbar cores; found from its packets where possible",
      positiveInteger,
    )
    .option("--json", "print JSON")
    .action((folder: string, options: ValidateOptions) =>
      runCommand(io, (report) => validateCase(folder, options, report, io)),
    );
  refuseWithoutEffect(command, ["--time-block", "--no-tfjs"], ({ args: [folder = ""] }) =>
    isRancFolder(folder)
      ? { why: "for a grid of crossbar cores: it is run and compared with its test bench", hint: "leave it out" }
      : undefined,
  );
  refuseWithoutEffect(command, ["--grid-width"], ({ args: [folder = ""] }) =>
    isRancFolder(folder)
      ? undefined
      : { why: "for a case that is no grid of crossbar cores (csram_*.mem)", hint: "leave it out" },
  );
  refuseWithoutEffect(command, ["--time-block", "--no-tfjs"], ({ args: [folder = ""] }) =>
    isNeuronCase(folder)
      ? {
          why: "for a case of integer neurons: it is evaluated, run on chips and compared with its recording",
          hint: "leave it out",
        }
      : undefined,
  );
}
