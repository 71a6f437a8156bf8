/** What the peers written in TypeScript share: options, reading a folder, repeated runs, and the line of JSON they print. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { renderDiagnostic, Report } from "../../src/diagnostics/index.js";
import { readNpy } from "../../src/frontend/formats/index.js";
import { importModel } from "../../src/frontend/import-model.js";
import type { Net } from "../../src/ir/index.js";
import type { Tensor } from "../../src/math/tensor.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import { median } from "../median.js";

/** What a peer prints: the line of JSON on standard output, as `statten_torch.py` prints it too. */
export const peerResultSchema = z.object({
  /** Name and version. */
  peer: z.string(),
  threads: z.number().int().positive(),
  /** Recorded cases that came out, every spike of them. */
  checked: z.array(z.string()).min(1),
  /** Median over the runs, of one picture. */
  seconds: z.number().positive(),
  /** The fastest run: on a busy machine the one least disturbed. */
  bestSeconds: z.number().positive(),
  /** Median of the processor time of all threads; those that wait for each other count as busy. */
  processorSeconds: z.number().positive(),
  runs: z.number().int().positive(),
  /** Spikes that all neurons emitted for the picture: peers that ran the same network agree but for rounding. */
  spikes: z.number().int(),
  predicted: z.number().int(),
  /** Largest resident set of the process. */
  peakMB: z.number(),
  /** What else is to be said about this peer's time. */
  note: z.string().optional(),
});

export type PeerResult = z.infer<typeof peerResultSchema>;

export function readOptions() {
  const { values } = parseArgs({
    options: {
      check: { type: "string", multiple: true },
      time: { type: "string" },
      runs: { type: "string", default: "1" },
      threads: { type: "string", default: "1" },
      backend: { type: "string", default: "auto" },
      chip: { type: "string", default: "layerwise-default" },
    },
  });
  const { check = [], time, runs, threads, backend, chip } = values;
  if (check.length === 0 || time === undefined)
    throw new Error("--check CASE (once or more often) and --time FOLDER are needed: nothing unchecked is timed");
  if (!/^[1-9]\d*$/.test(runs)) throw new Error(`--runs takes a whole number from 1 on, not ${runs}`);
  if (!/^[1-9]\d*$/.test(threads)) throw new Error(`--threads takes a whole number from 1 on, not ${threads}`);
  return { check, time, runs: Number(runs), threads: Number(threads), backend, chip };
}

/** A result, or the diagnostics as an error. */
export function found<T>(value: T | undefined, report: Report): T {
  if (value !== undefined && !report.failed) return value;
  throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
}

/** The network of a folder, batch norms folded, and its pictures, [B, C, H, W]. */
export function readNetwork(folder: string): { readonly net: Net; readonly input: Tensor } {
  const report = new Report();
  const model = ["model.safetensors", "model.pth"].map((name) => join(folder, name)).find(existsSync);
  if (model === undefined) throw new Error(`no network in ${folder}`);
  const { net } = found(importModel(model, { arch: "statten" }, report), report);
  const file = join(folder, "input.npy");
  const input = found(readNpy(readFileSync(file), file, report), report);
  const { result } = runPipeline(net, parsePipeline("import").steps ?? []);
  if (result === undefined) throw new Error(`the import pipeline failed on ${basename(folder)}`);
  return { net: result, input };
}

type Times = Pick<PeerResult, "seconds" | "bestSeconds" | "processorSeconds" | "runs">;

/** Wall time and processor time of a run. */
export function timeRuns(runs: number, run: () => void): Times {
  const wall: number[] = [];
  const processor: number[] = [];
  for (let i = 0; i < runs; i++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    run();
    const { user, system } = process.cpuUsage(used);
    wall.push((performance.now() - start) / 1e3);
    processor.push((user + system) / 1e6);
  }
  return { seconds: median(wall), bestSeconds: Math.min(...wall), processorSeconds: median(processor), runs };
}

export function printResult(result: Omit<PeerResult, "peakMB">): void {
  const peakMB = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(`${JSON.stringify({ ...result, peakMB })}\n`);
}
