/*
 * Seconds to load a program of full size, and the peak memory of simulating one picture: through the library, and through
 * `spikec simulate` as `npm run build` made it.
 *   tsx bench/load.ts [--networks FOLDER]
 * Each row is a process of its own, so that its peak is its own; those of the library hold tsx, too.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { child, fullSizePrograms, networkFolder, NETWORKS } from "./full-size-programs.js";
import { PRINT_PEAK, printedPeak } from "./peak-memory.js";

const { values: options } = parseArgs({ options: { networks: { type: "string", default: NETWORKS } } });

/** `spikec simulate` on one picture. */
function simulateOnCommandLine(file: string, npy: string, workers: string): void {
  const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
  const args = ["--import", PRINT_PEAK, main, "simulate", file, "--input", npy, "--workers", workers];
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`spikec simulate ended with status ${status}: ${stderr}`);
  const seconds = ((performance.now() - start) / 1e3).toFixed(1);
  const peak = printedPeak(stderr).toFixed(0);
  console.log(`  spikec simulate, ${workers} thread(s): peak ${peak} MB, ${seconds} s all in all`);
}

const folder = mkdtempSync(join(tmpdir(), "load-"));
try {
  for (const { chip, file, instructions } of fullSizePrograms(options.networks, folder)) {
    const npy = join(networkFolder(options.networks), "input.npy");
    console.log(`${chip}, ${instructions} instructions`);
    child("load-row.ts", [file]);
    for (const workers of ["1", "2"]) {
      child("load-row.ts", [file, npy, workers]);
      simulateOnCommandLine(file, npy, workers);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
