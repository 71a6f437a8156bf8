/** Inputs of a network from arrays, pictures and data sets: one source is picked by the first bytes of the file. */
import { statSync } from "node:fs";
import { reporting, type Report } from "../../diagnostics/index.js";
import { frontendError } from "../diagnostics.js";
import { cannotRead, readPrefix, systemReason } from "../formats/files.js";
import { isNpy } from "../formats/npy.js";
import { sniffOther } from "../formats/sniff.js";
import { isZip } from "../formats/zip.js";
import { readNpySamples, readNpzSamples } from "./arrays.js";
import { isCifarSize, readCifarSamples } from "./cifar.js";
import { readFolderSamples, readPictureSamples } from "./folder.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { isIdx, readIdxSamples } from "./idx.js";
import { isJpeg, isPng } from "./pictures.js";
import { checkOptions, finishSamples, type InputOptions, type InputSet, type RawSamples } from "./samples.js";

export { readIdx } from "./idx.js";
export { isNormalisationName, NORMALISATIONS, type Normalisation, type NormalisationName } from "./normalisation.js";
export type { InputOptions, InputSet } from "./samples.js";

interface InputSource {
  readonly name: string;
  sniff(head: Uint8Array, size: number, path: string): boolean;
  read(path: string, limit: number | undefined, report: Report): RawSamples;
}

/** Bytes that tell the sources apart, and enough for a gzipped IDX header in a stored block. */
const HEAD_BYTES = 80_000;

/** In order of how telling their signatures are; CIFAR binary has none but its size, so it also needs its name. */
const SOURCES: readonly InputSource[] = [
  { name: ".npy", sniff: isNpy, read: readNpySamples },
  {
    name: ".npz",
    sniff: isZip,
    read: (path, limit, report) => readNpzSamples(readPrefix(path).bytes, path, limit, report),
  },
  { name: "PNG", sniff: isPng, read: (path, _limit, report) => readPictureSamples(path, report) },
  { name: "JPEG", sniff: isJpeg, read: (path, _limit, report) => readPictureSamples(path, report) },
  { name: "MNIST IDX", sniff: isIdxOrGzipped, read: readIdxSamples },
  {
    name: "CIFAR binary",
    sniff: (_head, size, path) => path.endsWith(".bin") && isCifarSize(size),
    read: (path, limit) => readCifarSamples(path, limit),
  },
];

function isIdxOrGzipped(head: Uint8Array, _size: number, path: string): boolean {
  return isIdx(isGzip(head) ? gunzipPrefix(head, 4, { file: path }) : head);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw cannotRead(path, systemReason(error));
  }
}

function readSamples(path: string, limit: number | undefined, report: Report): RawSamples {
  if (isDirectory(path)) return readFolderSamples(path, limit, report);
  const { bytes, size } = readPrefix(path, HEAD_BYTES);
  // A .bin of the right size is CIFAR even where its first labels happen to look like an IDX header.
  const named = SOURCES.filter((source) => source.name === "CIFAR binary" && source.sniff(bytes, size, path));
  const source = [...named, ...SOURCES].find(({ sniff }) => sniff(bytes, size, path));
  if (source !== undefined) return source.read(path, limit, report);
  const other = sniffOther(bytes);
  throw frontendError(
    "input-format",
    other === undefined ? "the file is of no known kind" : `this is ${other}, not inputs`,
    {
      location: { kind: "file", file: path },
      hint: `known: ${SOURCES.map(({ name }) => name).join(", ")} and folders of pictures`,
    },
  );
}

/**
 * Reads the inputs of a network: `.npy`, `.npz`, PNG, JPEG, a folder of pictures, MNIST IDX (also gzipped) or CIFAR binary.
 * `data` is f32 of shape [B,C,H,W], or [B,T,C,H,W] for event frames. Integer pixels are divided by 255 unless `normalise` says
 * otherwise; event frames and floats are not. Formats that allow it are read only as far as `limit`.
 * Faults: `frontend/cannot-read`, `frontend/corrupt-file`, `frontend/too-large`, `frontend/unsupported-dtype` and `frontend/input-*`.
 */
export function readInputs(path: string, report: Report, options: InputOptions = {}): InputSet | undefined {
  return reporting(report, () => {
    checkOptions(options, path);
    return finishSamples(readSamples(path, options.limit, report), options, path);
  });
}
