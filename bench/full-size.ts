/*
 * STAtten-SDT 8-768 at 224 x 224, T = 4, one picture end to end on `event`, with timing and counters: the network of bench/peers,
 * whose random weights fire at the published rates, on real weights and on eight bits.
 *   tsx bench/full-size.ts [--networks FOLDER] [--rounds N]
 * Each row is a process of its own, so that its peak memory is its own. The first picture also pays for compiling the simulator's
 * code and for packing weights; `best` and `median` are of the rounds behind it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import { decodeProgram, encodeProgram } from "../src/backends/program/index.js";
import { readChip, type LayerwiseChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { sampleFor } from "../src/frontend/inputs/channels-last.js";
import { readNpy } from "../src/frontend/formats/index.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { createEvent, type RunResult } from "../src/sim/layerwise/index.js";
import { clockShares } from "./clock-share.js";
import { found, readNetwork } from "./peers/measure.js";
import { median } from "./median.js";

const CONFIG = "statten-8-768";

const { values: options } = parseArgs({
  options: {
    networks: { type: "string", default: join(tmpdir(), "spikec-peers") },
    rounds: { type: "string", default: "5" },
    /** Internal: the program of one row. */
    program: { type: "string" },
    workers: { type: "string", default: "1" },
  },
});
const network = join(options.networks, CONFIG);
const rounds = Number(options.rounds);

function operations({ layers }: RunResult): number {
  return layers.reduce((all, { events }) => all + events.ac.reduce((a, b) => a + b, 0), 0);
}

/** Of this process. `maxRSS` would do where it does not begin with the size of the parent, as on Linux. */
function peakMegabytes(): number {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const kilobytes = /VmHWM:\s*(\d+)/.exec(status)?.[1];
  return (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes)) / 1024;
}

/** One row, in this process. */
function measure(file: string, workers: number): void {
  const report = new Report();
  let start = performance.now();
  const program = found(decodeProgram(readFileSync(file), file, report), report);
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

/** `chip` on weights of eight bits, with the adders of `layerwise-int8`. */
function eightBits(chip: LayerwiseChip): LayerwiseChip {
  return { ...chip, name: `${chip.name} in eight bits`, lanes: 128, weightBits: 8, accumulatorBits: 32 };
}

function child(script: string, args: readonly string[]): void {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status } = spawnSync(process.execPath, ["--import", "tsx", path, ...args], { stdio: "inherit" });
  if (status !== 0) throw new Error(`${script} ${args.join(" ")} ended with status ${status}`);
}

function all(): void {
  if (!existsSync(join(network, "config.json"))) child("peers/network.ts", [network, CONFIG, CONFIG]);
  const folder = mkdtempSync(join(tmpdir(), "full-size-"));
  try {
    const report = new Report();
    const large = found(readChip("layerwise-large", report), report) as LayerwiseChip;
    for (const chip of [large, eightBits(large)]) {
      const { net: imported } = readNetwork(network);
      const pipeline = chip.weightBits === 8 ? "quantized" : "canonicalize";
      const net = found(runPipeline(imported, parsePipeline(pipeline).steps ?? []).result, report);
      const program = found(compileLayerwise(net, chip, {}, report), report);
      const file = join(folder, `${chip.weightBits}.spk`);
      writeFileSync(file, encodeProgram(program));
      for (const workers of ["1", "2"]) {
        console.log(`${chip.name}, ${workers} thread(s), ${program.instructions.length} instructions`);
        child("full-size.ts", ["--networks", options.networks, "--program", file, "--workers", workers]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (options.program === undefined) all();
else measure(options.program, Number(options.workers));
