import { DiagnosticError, didYouMean, type Report } from "../diagnostics/index.js";
import { readNpy } from "../frontend/formats/index.js";
import { isNormalisationName, NORMALISATIONS, type InputSet } from "../frontend/inputs/index.js";
import { cliDiagnostics } from "./diagnostics.js";
import { readFileOrThrow } from "./files.js";

/** What commands that read pictures share. */

/** Labels from an .npy file, or those that came with the inputs. */
export function readLabels(path: string | undefined, inputs: InputSet, report: Report): ArrayLike<number> | undefined {
  if (path === undefined) return inputs.labels;
  const labels = readNpy(readFileOrThrow(path), path, report);
  if (labels === undefined) return undefined;
  const samples = inputs.data.shape[0] ?? 0;
  if (labels.shape.length === 1 && labels.data.length >= samples) return labels.data;
  const shape = labels.shape.join("x");
  return report.add(
    cliDiagnostics.make("labels", `\`${path}\` has shape ${shape}, ${samples} samples need a label each`),
  );
}

export function normalisation(name: string | undefined) {
  if (name === undefined) return {};
  if (!isNormalisationName(name)) {
    const hint = didYouMean(name, Object.keys(NORMALISATIONS));
    throw new DiagnosticError(cliDiagnostics.make("unknown-name", `no normalisation \`${name}\``, { hint }));
  }
  return { normalise: NORMALISATIONS[name] };
}
