/*
 * One row of load.ts: as few modules as a program that simulates would load, for the sake of its peak memory.
 *   tsx bench/load-row.ts PROGRAM.spk                          seconds to load it, several times
 *   tsx bench/load-row.ts PROGRAM.spk PICTURE.npy WORKERS      peak memory of one picture
 */
import { readFileSync } from "node:fs";
import { readProgram, type Program } from "../src/backends/program/index.js";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { readNpy } from "../src/frontend/formats/index.js";
import { sampleFor } from "../src/frontend/inputs/channels-last.js";
import { createEvent } from "../src/sim/layerwise/index.js";
import { median } from "./median.js";
import { peakMegabytes } from "./peak-memory.js";

/** Times of loading that the medians are of; all but the first find the file in the system's cache. */
const LOADS = 5;

function load(file: string): Program {
  const report = new Report();
  const program = readProgram(file, report, "layerwise");
  if (program === undefined) throw new Error(report.errors.map(renderDiagnostic).join("\n"));
  return program;
}

/** Loads a program several times and drops it again. */
function loadOften(file: string): void {
  const times = Array.from({ length: LOADS }, () => {
    const used = process.cpuUsage();
    const start = performance.now();
    load(file);
    const wall = (performance.now() - start) / 1e3;
    const { user, system } = process.cpuUsage(used);
    return { wall, processor: (user + system) / 1e6 };
  });
  const [wall, processor] = [median(times.map((one) => one.wall)), median(times.map((one) => one.processor))];
  const best = Math.min(...times.map((one) => one.wall));
  console.log(
    `  library, loading: best ${best.toFixed(2)} s, median ${wall.toFixed(2)} s, processor ${processor.toFixed(2)} s`,
  );
}

/** Loads a program once and simulates one picture. */
function simulateOne(file: string, npy: string, workers: number): void {
  const program = load(file);
  const loaded = peakMegabytes();
  const picture = readNpy(readFileSync(npy), npy, new Report());
  if (picture === undefined) throw new Error(`\`${npy}\` holds no picture`);
  const machine = createEvent(program, { workers });
  machine.run(new Map(program.inputs.map((port) => [port.name, sampleFor(port, picture, 0)])));
  machine.close();
  const peak = `peak ${peakMegabytes().toFixed(0)} MB, ${loaded.toFixed(0)} MB of it when loaded`;
  console.log(`  library, one picture, ${workers} thread(s): ${peak}`);
}

const [file, npy, workers = "1"] = process.argv.slice(2);
if (file === undefined) throw new Error("tsx bench/load-row.ts PROGRAM.spk [PICTURE.npy WORKERS]");
if (npy === undefined) loadOften(file);
else simulateOne(file, npy, Number(workers));
