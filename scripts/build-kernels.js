// Compiles assembly/ to src/sim/kernels/kernels.wasm, which the simulator loads from beside its own code; run by the build, and
// by vitest before the tests (its global setup).
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const FOLDER = join(ROOT, "assembly");
const OUTPUT = join(ROOT, "src/sim/kernels/kernels.wasm");

const OPTIONS = [
  "assembly/index.ts",
  "--baseDir",
  ROOT,
  "--outFile",
  OUTPUT,
  "-O3",
  "--noAssert",
  "--runtime",
  "stub",
  // One shared memory, created by the host; a module must name a maximum, and ours is what addresses reach.
  "--importMemory",
  "--sharedMemory",
  "--noExportMemory",
  "--initialMemory",
  "1",
  "--maximumMemory",
  "65536",
  "--enable",
  "simd",
  "--enable",
  "threads",
];

/** Whether the compiled kernels are at least as new as their sources. */
function isFresh() {
  if (!existsSync(OUTPUT)) return false;
  const sources = [fileURLToPath(import.meta.url), ...readdirSync(FOLDER).map((file) => join(FOLDER, file))];
  return sources.every((file) => statSync(file).mtimeMs <= statSync(OUTPUT).mtimeMs);
}

/** Compiles the kernels, unless nothing has changed since the last time. */
export async function setup() {
  if (isFresh()) return;
  const { error, stderr } = await asc.main(OPTIONS);
  process.stderr.write(stderr.toString());
  if (error !== null) throw error;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await setup();
