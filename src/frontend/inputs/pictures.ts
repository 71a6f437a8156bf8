/**
 * PNG and JPEG pictures. Their headers are checked before a decoder sees them, so that a small file cannot make it allocate
 * or loop without bound. PNG is exact. JPEG pixels differ from those of libjpeg by at most 1 of 255 in grey pictures and by
 * about 6 where colour is subsampled (measured against Pillow), so use PNG or arrays where results must be exact.
 */
import { inflateSync } from "node:zlib";
import jpeg from "jpeg-js";
import { PNG } from "pngjs";
import { corrupt, hasBytes, latin1, viewOf, type Origin } from "../formats/bytes.js";
import { frontendError } from "../diagnostics.js";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 for grey, 3 for red, green and blue. */
  readonly channels: 1 | 3;
  /** [channels, height, width], 0 to 255. */
  readonly data: Uint8Array;
  /** Parts of the file that are not in `data`. */
  readonly dropped: readonly ("alpha" | "low bits")[];
}

/** Larger pictures are no inputs of a network; their decoders would need gigabytes. */
const MAX_PIXELS = 2 ** 25;
/** Deflate cannot expand further (zlib's technical notes). */
const DEFLATE_LIMIT = 1032;
/** A JPEG block of 8x8 pixels takes at least one bit. */
const JPEG_PIXELS_PER_BYTE = 512;
/** Progressive encoders write about 10 scans; each costs a pass over the picture. */
const MAX_JPEG_SCANS = 100;

export function isPng(bytes: Uint8Array): boolean {
  return hasBytes(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
}

export function isJpeg(bytes: Uint8Array): boolean {
  return hasBytes(bytes, [0xff, 0xd8, 0xff]);
}

/** Decodes a picture. Throws `frontend/corrupt-file`, `frontend/too-large` or `frontend/input-format`. */
export function decodePicture(bytes: Uint8Array, file: string): Picture {
  if (isPng(bytes)) return decodePng(bytes, { file });
  if (isJpeg(bytes)) return decodeJpeg(bytes, { file });
  throw frontendError("input-format", "the file is neither a PNG nor a JPEG picture", {
    location: { kind: "file", file },
  });
}

function checkPixels(width: number, height: number, origin: Origin): void {
  if (width === 0 || height === 0) throw corrupt(origin, 0, "a picture with pixels", `${width}x${height}`);
  if (width * height <= MAX_PIXELS) return;
  const message = `the picture declares ${width}x${height} pixels, the limit is ${MAX_PIXELS}`;
  throw frontendError("too-large", message, { location: { kind: "file", file: origin.file } });
}

/** Planes from interleaved samples with `step` bytes per pixel. */
function planes(source: Uint8Array, pixels: number, step: number, channels: 1 | 3): Uint8Array {
  const data = new Uint8Array(channels * pixels);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < pixels; i++) data[c * pixels + i] = source[i * step + c] ?? 0;
  }
  return data;
}

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
  readonly transparency: boolean;
  readonly packed: readonly Uint8Array[];
}

/** Walks the chunks up to IEND; their checksums are left to the decoder. */
function readPngHeader(bytes: Uint8Array, origin: Origin): PngHeader {
  const view = viewOf(bytes);
  if (bytes.length < 33 || latin1(bytes.subarray(12, 16)) !== "IHDR" || view.getUint32(8) !== 13) {
    throw corrupt(origin, 8, "an IHDR chunk of 13 bytes");
  }
  const packed: Uint8Array[] = [];
  let transparency = false;
  let at = 33;
  for (;;) {
    if (bytes.length - at < 12) throw corrupt(origin, at, "a PNG chunk", "the end of the file");
    const length = view.getUint32(at);
    const name = latin1(bytes.subarray(at + 4, at + 8));
    if (length > bytes.length - at - 12)
      throw corrupt(origin, at, `${length} bytes in chunk \`${name}\``, `${bytes.length - at - 12}`);
    if (name === "IEND") break;
    if (name === "IDAT") packed.push(bytes.subarray(at + 8, at + 8 + length));
    if (name === "tRNS") transparency = true;
    at += 12 + length;
  }
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth: view.getUint8(24),
    colour: view.getUint8(25),
    interlaced: view.getUint8(28) !== 0,
    transparency,
    packed,
  };
}

/** Samples per pixel by colour type; type 4 and 6 have alpha. */
const PNG_SAMPLES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

function decodePng(bytes: Uint8Array, origin: Origin): Picture {
  const header = readPngHeader(bytes, origin);
  const { width, height, depth, colour } = header;
  const samples = PNG_SAMPLES.get(colour);
  if (samples === undefined) throw corrupt(origin, 25, "colour type 0, 2, 3, 4 or 6", `${colour}`);
  checkPixels(width, height, origin);
  const packedBytes = header.packed.reduce((sum, part) => sum + part.length, 0);
  const rowBits = width * samples * depth;
  const rawBytes = (Math.ceil(rowBits / 8) + 1) * height;
  // Adam7 has at most seven passes, each with its own row ends; a factor of 2 and some covers narrow pictures.
  const mostBytes = header.interlaced ? 2 * rawBytes + 64 * (width + height) : rawBytes;
  if (rawBytes > packedBytes * DEFLATE_LIMIT) {
    throw corrupt(origin, 33, `image data for ${width}x${height} pixels`, `${packedBytes} packed bytes`);
  }
  try {
    // The decoder inflates interlaced data without a bound, so it gets none that exceeds ours.
    if (header.interlaced) inflateSync(Buffer.concat(header.packed), { maxOutputLength: mostBytes });
    const { data } = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (data.length !== width * height * 4) throw new Error("incomplete pixels");
    const channels = colour === 0 || colour === 4 ? 1 : 3;
    const dropped: ("alpha" | "low bits")[] = [];
    if (colour >= 4 || header.transparency) dropped.push("alpha");
    if (depth === 16) dropped.push("low bits");
    return { width, height, channels, data: planes(data, width * height, 4, channels), dropped };
  } catch (error) {
    throw corrupt(origin, 33, "PNG image data", reasonOf(error));
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `damaged data (${error.message.slice(0, 120)})` : "damaged data";
}

interface JpegHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/** The frame header; there must be exactly one before the first scan. */
function readJpegHeader(bytes: Uint8Array, origin: Origin): JpegHeader {
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length;) {
    if (view.getUint8(at) !== 0xff) throw corrupt(origin, at, "a JPEG marker");
    const marker = view.getUint8(at + 1);
    // Any number of 0xff may fill the space before a marker.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = view.getUint16(at + 2);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (marker === 0xda || (isFrame && (length < 8 || at + 10 > bytes.length))) break;
    if (isFrame)
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: view.getUint8(at + 9) };
    if (length < 2) throw corrupt(origin, at + 2, "the length of a JPEG segment", `${length}`);
    at += 2 + length;
  }
  throw corrupt(origin, bytes.length, "a JPEG frame header");
}

/** Start-of-scan markers, and whether the end-of-image marker follows the last of them. */
function scanMarkers(bytes: Uint8Array): { readonly scans: number; readonly ended: boolean } {
  let scans = 0;
  let ended = false;
  for (let at = bytes.indexOf(0xff); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xda) {
      scans++;
      ended = false;
    } else if (bytes[at + 1] === 0xd9) ended = true;
  }
  return { scans, ended };
}

function decodeJpeg(bytes: Uint8Array, origin: Origin): Picture {
  const { width, height, components } = readJpegHeader(bytes, origin);
  checkPixels(width, height, origin);
  if (components !== 1 && components !== 3) {
    const message = `the JPEG picture has ${components} components, expected 1 (grey) or 3 (colour)`;
    throw frontendError("input-format", message, { location: { kind: "file", file: origin.file } });
  }
  if (width * height > bytes.length * JPEG_PIXELS_PER_BYTE) {
    throw corrupt(
      origin,
      bytes.length,
      `image data for ${width}x${height} pixels`,
      `${bytes.length} bytes in the file`,
    );
  }
  const { scans, ended } = scanMarkers(bytes);
  // The decoder would fill what is missing with grey.
  if (!ended) throw corrupt(origin, bytes.length, "the end marker of a JPEG picture", "the end of the file");
  if (scans > MAX_JPEG_SCANS) throw corrupt(origin, 0, `at most ${MAX_JPEG_SCANS} scans`, `${scans}`);
  try {
    const limits = { maxResolutionInMP: MAX_PIXELS / 1e6, maxMemoryUsageInMB: 1024 };
    const picture = jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false, tolerantDecoding: false, ...limits });
    if (picture.width !== width || picture.height !== height) throw new Error("two frame headers");
    return {
      width,
      height,
      channels: components,
      data: planes(picture.data, width * height, 3, components),
      dropped: [],
    };
  } catch (error) {
    throw corrupt(origin, 0, "JPEG image data", reasonOf(error));
  }
}
