/** Tells what a file is from its bytes, so that a wrong file is named for what it is. */
import { hasBytes, latin1 } from "./bytes.js";

interface Kind {
  /** With its article, to follow "this is". */
  readonly name: string;
  readonly matches: (bytes: Uint8Array) => boolean;
}

function magic(name: string, bytes: readonly number[] | string, offset = 0): Kind {
  const wanted = typeof bytes === "string" ? [...bytes].map((c) => c.charCodeAt(0)) : bytes;
  return { name, matches: (file) => hasBytes(file, wanted, offset) };
}

/** The first hundred bytes as text, without a byte order mark and leading blanks. */
function opening(bytes: Uint8Array): string {
  return latin1(bytes.subarray(0, 100))
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
}

/** More telling kinds come first: IDX and JSON have weak signatures. */
const KINDS: readonly Kind[] = [
  magic("a .npy array", [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]),
  magic(
    "an HDF5 file (a NetX network, which is to be named .net, a NIR graph, Keras .h5 or the like)",
    [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a],
  ),
  magic("a PNG picture", [0x89, 0x50, 0x4e, 0x47]),
  magic("a JPEG picture", [0xff, 0xd8, 0xff]),
  magic("a gzip file, perhaps a .tar.gz archive", [0x1f, 0x8b]),
  magic("an xz file", [0xfd, 0x37, 0x7a, 0x58, 0x5a]),
  magic("a bzip2 file", "BZh"),
  magic("a Zstandard file", [0x28, 0xb5, 0x2f, 0xfd]),
  magic("a 7z archive", [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]),
  magic("a tar archive", "ustar", 257),
  magic("a TensorFlow Lite model", "TFL3", 4),
  magic("a GGUF model", "GGUF"),
  magic("a MATLAB file", "MATLAB 5.0"),
  magic("an AEDAT event recording", "#!AER-DAT"),
  magic("an empty ZIP archive", [0x50, 0x4b, 0x05, 0x06]),
  magic("a Git LFS pointer, not the file itself", "version https://git-lfs"),
  { name: "a Python pickle that torch.save did not write", matches: (b) => b[0] === 0x80 && (b[1] ?? 9) <= 5 },
  { name: "an HTML page, perhaps a failed download", matches: (b) => /^<(!doctype html|html|head)/i.test(opening(b)) },
  { name: "an XML file", matches: (b) => opening(b).startsWith("<?xml") },
  { name: "a JSON file", matches: (b) => /^[{[]\s*["{[\]}]/.test(opening(b)) },
  {
    name: "an MNIST IDX array",
    matches: (b) => b[0] === 0 && b[1] === 0 && [8, 9, 11, 12, 13, 14].includes(b[2] ?? 0) && (b[3] ?? 9) <= 4,
  },
];

/** The kind of a file that is neither a ZIP archive, a torch checkpoint nor safetensors; undefined when unknown. */
export function sniffOther(bytes: Uint8Array): string | undefined {
  return KINDS.find((kind) => kind.matches(bytes))?.name;
}
