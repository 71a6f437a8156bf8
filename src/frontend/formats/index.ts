/** Checkpoint files: exactly one importer is picked by the first bytes, and a wrong file is named. */
import { reporting, type Report } from "../../diagnostics/index.js";
import { frontendError } from "../diagnostics.js";
import type { Checkpoint } from "./checkpoint.js";
import { readPrefix } from "./files.js";
import { isNpzArchive } from "./npz.js";
import { isSafetensors, readSafetensors } from "./safetensors.js";
import { sniffOther } from "./sniff.js";
import { isLegacyTorch, readTorchCheckpoint, torchFolder } from "./torch.js";
import { isZip, openZip } from "./zip.js";

export type { Checkpoint, ConfigValue } from "./checkpoint.js";
export type { CheckpointValue } from "./pickle-value.js";
export { readNpy, writeNpy } from "./npy.js";
export { readNpz } from "./npz.js";
export { readSafetensors, writeSafetensors } from "./safetensors.js";
export { readTorchCheckpoint } from "./torch.js";

export interface CheckpointImporter {
  readonly name: string;
  sniff(bytes: Uint8Array): boolean;
  read(bytes: Uint8Array, file: string, report: Report): Checkpoint | undefined;
}

/** Signatures exclude each other; {@link readCheckpointFile} looks into ZIP archives before it calls the first. */
export const CHECKPOINT_IMPORTERS: readonly CheckpointImporter[] = [
  { name: "PyTorch (ZIP)", sniff: isZip, read: readTorchCheckpoint },
  { name: "PyTorch (legacy)", sniff: isLegacyTorch, read: readTorchCheckpoint },
  { name: "safetensors", sniff: isSafetensors, read: readSafetensors },
];

/** What a ZIP archive is when it holds no PyTorch checkpoint; undefined when it does. */
function otherArchive(bytes: Uint8Array, file: string): string | undefined {
  const archive = openZip(bytes, file);
  if (torchFolder(archive) !== undefined) return undefined;
  if (isNpzArchive(archive)) return "a .npz archive of arrays";
  if (archive.entries.has("model.weights.h5")) return "a Keras model";
  return "a ZIP archive without `data.pkl`";
}

/**
 * Reads a checkpoint file of any known format.
 * Faults: `frontend/cannot-read` for the path, `frontend/not-a-checkpoint` for a file of another kind, and those of the readers.
 */
export function readCheckpointFile(path: string, report: Report): Checkpoint | undefined {
  return reporting(report, () => {
    const { bytes } = readPrefix(path);
    const importer = CHECKPOINT_IMPORTERS.find(({ sniff }) => sniff(bytes));
    const other = importer === undefined ? sniffOther(bytes) : isZip(bytes) ? otherArchive(bytes, path) : undefined;
    if (importer !== undefined && other === undefined) return importer.read(bytes, path, report);
    const message =
      other === undefined
        ? "the file is of no known kind, expected a checkpoint"
        : `this is ${other}, not a checkpoint`;
    throw frontendError("not-a-checkpoint", message, {
      location: { kind: "file", file: path },
      hint: `known: ${CHECKPOINT_IMPORTERS.map(({ name }) => name).join(", ")}`,
    });
  });
}
