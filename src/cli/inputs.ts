import { InvalidArgumentError, type Command } from "commander";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { readNpy } from "../frontend/formats/index.js";
import {
  isNormalisationName,
  NORMALISATIONS,
  readInputs,
  type InputSet,
  type NormalisationName,
} from "../frontend/inputs/index.js";
import { positiveInteger } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { readFileOrThrow } from "./files.js";

/** What commands that read pictures share. */

/** Labels from an .npy file, or those that came with the inputs. */
export function readLabels(path: string | undefined, inputs: InputSet, report: Report): ArrayLike<number> | undefined {
  if (path === undefined) return inputs.labels;
  const labels = readNpy(readFileOrThrow(path), path, report);
  if (labels === undefined) return undefined;
  const samples = inputs.data.shape[0] ?? 0;
  const whole = Array.from(labels.data.subarray(0, samples)).every((label) => Number.isInteger(label) && label >= 0);
  if (!whole) {
    return report.add(cliDiagnostics.make("labels", `\`${path}\` holds labels that are no classes 0, 1, 2, …`));
  }
  if (labels.shape.length === 1 && labels.data.length >= samples) return labels.data;
  const shape = labels.shape.join("x");
  return report.add(
    cliDiagnostics.make("labels", `\`${path}\` has shape ${shape}, ${samples} samples need a label each`),
  );
}

/** Options of every command that runs inputs on a chip. */
export interface InputSetOptions {
  readonly input: string;
  readonly labels?: string;
  readonly limit?: number;
  readonly normalise?: NormalisationName;
  readonly pad?: number;
}

export interface LabelledInputs {
  readonly inputs: InputSet;
  readonly labels: ArrayLike<number> | undefined;
}

/** Reads inputs and their labels as the options say. */
export function readLabelledInputs(options: InputSetOptions, report: Report): LabelledInputs | undefined {
  const inputs = readInputs(options.input, report, {
    ...normalisation(options.normalise),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.pad === undefined ? {} : { pad: options.pad }),
  });
  if (inputs === undefined) return undefined;
  const labels = readLabels(options.labels, inputs, report);
  return report.failed ? undefined : { inputs, labels };
}

export function normalisation(name: NormalisationName | undefined) {
  return name === undefined ? {} : { normalise: NORMALISATIONS[name] };
}

function normalisationName(text: string): NormalisationName {
  if (isNormalisationName(text)) return text;
  throw new InvalidArgumentError(didYouMean(text, Object.keys(NORMALISATIONS)));
}

/** The options that say how inputs to run are read, `--input` apart. */
export function withInputOptions(command: Command): Command {
  return withLimit(withReadingOptions(command));
}

/** `--limit`. */
export function withLimit(command: Command): Command {
  return command.option("--limit <n>", "only the first n samples", positiveInteger);
}

/** The options that say how inputs are read, whatever they are for. */
export function withReadingOptions(command: Command): Command {
  return withPictureOptions(command.option("--labels <file>", "labels as .npy, for the accuracy"));
}

/** The options that say what is done to pictures, of commands that know no accuracy. */
export function withPictureOptions(command: Command): Command {
  return command
    .option(
      "--normalise <name>",
      `normalisation of a data set: ${Object.keys(NORMALISATIONS).join(", ")}`,
      normalisationName,
    )
    .option("--pad <pixels>", "zero pixels on each side, before normalisation", positiveInteger);
}
