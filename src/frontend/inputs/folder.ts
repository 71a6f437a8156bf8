/** Pictures from single files and folders. */
import { readdirSync, statSync } from "node:fs";
import type { Report } from "../../diagnostics/index.js";
import { frontendError, FRONTEND_DIAGNOSTICS } from "../diagnostics.js";
import { cannotRead, readPrefix, systemReason } from "../formats/files.js";
import { decodePicture, type Picture } from "./pictures.js";
import { inputError, type RawSamples } from "./samples.js";

const PICTURE_NAME = /\.(png|jpe?g)$/i;
/** Pixels of a whole set, one byte each; as float32 they need four times as much. */
const MAX_SET_BYTES = 2 ** 31;

interface Listing {
  readonly pictures: readonly string[];
  readonly folders: readonly string[];
  readonly others: number;
}

/** Names in a folder, sorted by code unit as Python's `sorted` does for common names; hidden files are not counted. */
function list(path: string): Listing {
  try {
    const names = readdirSync(path).filter((name) => !name.startsWith("."));
    names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const folders = names.filter(
      (name) => statSync(`${path}/${name}`, { throwIfNoEntry: false })?.isDirectory() === true,
    );
    const pictures = names.filter((name) => PICTURE_NAME.test(name) && !folders.includes(name));
    return { pictures, folders, others: names.length - pictures.length - folders.length };
  } catch (error) {
    throw cannotRead(path, systemReason(error));
  }
}

interface Item {
  readonly path: string;
  readonly name: string;
  readonly label?: number;
}

/**
 * Reads the pictures of a folder, or those of its class folders, whose rank among the sorted names is the label, as in
 * torchvision's ImageFolder. Files that are no pictures are skipped with a warning.
 * Throws `frontend/input-format`, `frontend/input-shape`, `frontend/cannot-read` and the faults of pictures.
 */
export function readFolderSamples(path: string, limit: number | undefined, report: Report): RawSamples {
  const top = list(path);
  let skipped = top.others;
  let items: Item[] = top.pictures.map((name) => ({ path: `${path}/${name}`, name }));
  if (items.length > 0) {
    skipped += top.folders.length;
  } else {
    items = top.folders.flatMap((folder, label) => {
      const inner = list(`${path}/${folder}`);
      skipped += inner.others + inner.folders.length;
      return inner.pictures.map((name) => ({ path: `${path}/${folder}/${name}`, name: `${folder}/${name}`, label }));
    });
  }
  if (items.length === 0) {
    throw frontendError("input-format", `the folder \`${path}\` has no PNG or JPEG pictures, nor folders of them`, {
      location: { kind: "file", file: path },
      hint: "name the file itself if the inputs are .npy, .npz, IDX or CIFAR binary",
    });
  }
  const warn = (message: string): undefined =>
    report.add(FRONTEND_DIAGNOSTICS.make("input-dropped", message, { location: { kind: "file", file: path } }));
  if (skipped > 0) warn(`${skipped} entries of the folder are no pictures and were skipped`);
  const classes = top.pictures.length > 0 ? 0 : top.folders.length;
  if (classes > 256) warn(`${classes} class folders do not fit labels of 8 bits: the labels were left out`);
  return readPictures(limit === undefined ? items : items.slice(0, limit), path, classes > 0 && classes <= 256, report);
}

/** Reads one picture as a batch of one. Throws like {@link readFolderSamples}. */
export function readPictureSamples(path: string, report: Report): RawSamples {
  return readPictures([{ path, name: path.replace(/^.*[/\\]/s, "") }], path, false, report);
}

/** Grey pictures among coloured ones become coloured, as torchvision's loader makes them. */
function readPictures(items: readonly Item[], path: string, labelled: boolean, report: Report): RawSamples {
  const pictures: Picture[] = [];
  let total = 0;
  for (const item of items) {
    const picture = decodePicture(readPrefix(item.path).bytes, item.path);
    const first = pictures[0] ?? picture;
    if (picture.width !== first.width || picture.height !== first.height) {
      const sizes = `${picture.height}x${picture.width} pixels, \`${items[0]?.name ?? ""}\` has ${first.height}x${first.width}`;
      throw inputError(
        "input-shape",
        item.path,
        `\`${item.name}\` has ${sizes}`,
        "resize all pictures to one size beforehand",
      );
    }
    total += picture.data.length;
    if (total > MAX_SET_BYTES) {
      const message = `the pictures up to \`${item.name}\` have ${total} bytes of pixels, the limit is ${MAX_SET_BYTES}`;
      throw frontendError("too-large", message, {
        location: { kind: "file", file: path },
        hint: "read fewer with a limit",
      });
    }
    pictures.push(picture);
  }
  warnOfDropped(pictures, path, report);
  const { width = 0, height = 0 } = pictures[0] ?? {};
  const channels = pictures.some((p) => p.channels === 3) ? 3 : 1;
  const plane = width * height;
  const data = new Uint8Array(pictures.length * channels * plane);
  pictures.forEach((picture, i) => {
    for (let c = 0; c < channels; c++) {
      const from = picture.channels === 1 ? 0 : c * plane;
      data.set(picture.data.subarray(from, from + plane), (i * channels + c) * plane);
    }
  });
  return {
    data: { dtype: "u8", shape: [pictures.length, channels, height, width], data },
    pixels: true,
    labels: labelled ? Uint8Array.from(items, (item) => item.label ?? 0) : undefined,
    names: items.map((item) => item.name),
  };
}

function warnOfDropped(pictures: readonly Picture[], path: string, report: Report): void {
  const count = (part: "alpha" | "low bits"): number => pictures.filter((p) => p.dropped.includes(part)).length;
  const add = (message: string): undefined =>
    report.add(FRONTEND_DIAGNOSTICS.make("input-dropped", message, { location: { kind: "file", file: path } }));
  const alpha = count("alpha");
  const deep = count("low bits");
  if (alpha > 0) add(`the alpha channel of ${alpha} of ${pictures.length} pictures was dropped`);
  if (deep > 0) add(`${deep} of ${pictures.length} pictures have 16 bits per sample and were reduced to 8`);
}
