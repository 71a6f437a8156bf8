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

/** The picture is multiplied by these, for the time as a line over the spikes. */
const SCALES = [0, 0.25, 0.5, 1, 2];

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

function sum(result: RunResult, event: "ac" | "spike"): number {
  return result.layers.reduce((all, { events }) => all + events[event].reduce((a, b) => a + b, 0), 0);
}

/** Least squares: y = a + b x, and R2. */
function line(points: readonly (readonly [x: number, y: number])[]): { a: number; b: number; r2: number } {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((all, point) => all + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const covariance = mean((point) => (point[0] - x) * (point[1] - y));
  const variance = mean((point) => (point[0] - x) ** 2);
  const b = covariance / variance;
  return { a: y - b * x, b, r2: covariance ** 2 / variance / mean((point) => (point[1] - y) ** 2) };
}

/** One row, in this process. */
function measure(file: string, workers: number): void {
  const report = new Report();
  let start = performance.now();
  const program = found(readProgram(file, report), report);
  const loading = performance.now() - start;
  const npy = join(network, "input.npy");
  const picture = found(readNpy(readFileSync(npy), npy, report), report);
  const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, picture, 0)]));
  const machine = createEvent(program, { workers });
  const run = (scale: number): { wall: number; processor: number; result: RunResult } => {
    const scaled = new Map([...inputs].map(([name, values]) => [name, values.map((x) => x * scale)] as const));
    const used = process.cpuUsage();
    start = performance.now();
    const result = machine.run(scaled);
    const wall = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(used);
    return { wall, processor: (user + system) / 1e6, result };
  };
  const first = run(1);
  const sop = sum(first.result, "ac");
  const times = Array.from({ length: rounds }, () => run(1));
  const processor = median(times.map((one) => one.processor));
  const best = Math.min(...times.map((one) => one.wall));
  const peak = peakMegabytes();
  const points = SCALES.map((scale) => {
    const runs = [run(scale), run(scale), run(scale)];
    return [sum(runs[0]!.result, "spike"), median(runs.map((one) => one.processor))] as const;
  });
  const { a, b, r2 } = line(points);
  const share = median(clockShares(program, inputs, rounds, { workers }));
  const figures = [
    `${(sop / 1e9).toFixed(2)} G SOP, ${first.result.cycles.toLocaleString("en-US")} cycles`,
    `program loaded in ${(loading / 1e3).toFixed(2)} s, first picture ${first.wall.toFixed(2)} s`,
    `best ${best.toFixed(2)} s, median ${median(times.map((one) => one.wall)).toFixed(2)} s, processor ${processor.toFixed(2)} s`,
    `${(sop / best / 1e9).toFixed(1)} G SOP/s of the best wall time, ${(sop / processor / 1e9).toFixed(1)} of processor time`,
    `clock ${(100 * share).toFixed(0)} % of the time; peak memory ${peak.toFixed(0)} MB`,
    `processor time = ${a.toFixed(3)} s + ${(b * 1e9).toFixed(1)} ns per spike, R2 = ${r2.toFixed(3)}`,
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
