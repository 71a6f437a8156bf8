/*
 * STAtten-SDT 8-768 at 224 x 224, T = 4, one picture end to end on `event`, with timing and counters: the network of bench/peers,
 * whose random weights fire at the published rates, on real weights and on eight bits.
 *   tsx bench/full-size.ts [--networks FOLDER] [--rounds N]
 * Each row is a process of its own, so that its peak memory is its own. The first picture also pays for compiling the simulator's
 * code and for packing weights; `best` and `median` are of the rounds behind it.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readProgram } from "../src/backends/program/index.js";
import { Report } from "../src/diagnostics/index.js";
import { sampleFor } from "../src/frontend/inputs/channels-last.js";
import { readNpy } from "../src/frontend/formats/index.js";
import { createEvent, type RunResult } from "../src/sim/layerwise/index.js";
import { clockShares } from "./clock-share.js";
import { child, fullSizePrograms, networkFolder, NETWORKS } from "./full-size-programs.js";
import { median } from "./median.js";
import { peakMegabytes } from "./peak-memory.js";
import { found } from "./peers/measure.js";

const { values: options } = parseArgs({
  options: {
    networks: { type: "string", default: NETWORKS },
    rounds: { type: "string", default: "5" },
    /** Internal: the program of one row. */
    program: { type: "string" },
    workers: { type: "string", default: "1" },
  },
});
const network = networkFolder(options.networks);
const rounds = Number(options.rounds);

function operations({ layers }: RunResult): number {
  return layers.reduce((all, { events }) => all + events.ac.reduce((a, b) => a + b, 0), 0);
}

/** One row, in this process. */
function measure(file: string, workers: number): void {
  const report = new Report();
  let start = performance.now();
  const program = found(readProgram(file, report, "layerwise"), report);
  const loading = performance.now() - start;
  const npy = join(network, "input.npy");
  const picture = found(readNpy(readFileSync(npy), npy, report), report);
  const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, picture, 0)]));
  const machine = createEvent(program, { workers });
  const run = (): { wall: number; processor: number; result: RunResult } => {
    const used = process.cpuUsage();
    start = performance.now();
    const result = machine.run(inputs);
    const wall = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(used);
    return { wall, processor: (user + system) / 1e6, result };
  };
  const first = run();
  const sop = operations(first.result);
  const times = Array.from({ length: rounds }, run);
  const processor = median(times.map((one) => one.processor));
  const best = Math.min(...times.map((one) => one.wall));
  const peak = peakMegabytes();
  const share = median(clockShares(program, inputs, rounds, { workers }));
  const figures = [
    `${(sop / 1e9).toFixed(2)} G SOP, ${first.result.cycles.toLocaleString("en-US")} cycles`,
    `program loaded in ${(loading / 1e3).toFixed(2)} s, first picture ${first.wall.toFixed(2)} s`,
    `best ${best.toFixed(2)} s, median ${median(times.map((one) => one.wall)).toFixed(2)} s, processor ${processor.toFixed(2)} s`,
    `${(sop / best / 1e9).toFixed(1)} G SOP/s of the best wall time, ${(sop / processor / 1e9).toFixed(1)} of processor time`,
    `clock ${(100 * share).toFixed(0)} % of the time; peak memory ${peak.toFixed(0)} MB`,
  ];
  console.log(figures.map((figure) => `  ${figure}`).join("\n"));
}

function all(): void {
  const folder = mkdtempSync(join(tmpdir(), "full-size-"));
  try {
    for (const { chip, file, instructions } of fullSizePrograms(options.networks, folder)) {
      for (const workers of ["1", "2"]) {
        console.log(`${chip}, ${workers} thread(s), ${instructions} instructions`);
        child("full-size.ts", ["--networks", options.networks, "--program", file, "--workers", workers]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (options.program === undefined) all();
else measure(options.program, Number(options.workers));
