/*
 * `event` against `stepped`, on the digits example and on a random STAtten 2-512 at CIFAR size that fires at 20 %: the ratio of
 * their times in one process, the share of event's time that its clock takes, and synaptic operations per second end to end.
 *   tsx bench/event.ts [program.spk ...]      other programs with picture inputs
 */
import { fileURLToPath } from "node:url";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import { readProgram, type Program } from "../src/backends/program/index.js";
import { readChip } from "../src/chips/index.js";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { importModel } from "../src/frontend/import-model.js";
import { calibrateModel, randomModel } from "../src/frontend/random/random-model.js";
import { readRates } from "../src/frontend/random/rates.js";
import type { Net } from "../src/ir/index.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import {
  createEvent,
  createStepped,
  type Machine,
  type PortValues,
  type RunResult,
} from "../src/sim/layerwise/index.js";
import { clockShares } from "./clock-share.js";
import { median } from "./median.js";

const ROUNDS = 7;
/** Rounds before times count: the compiler of the engine needs them. */
const WARM_UP = 20;
const report = new Report();

function compiled(net: Net | undefined): Program | undefined {
  const chip = readChip("layerwise-default", report);
  const result = net === undefined ? undefined : runPipeline(net, parsePipeline("import").steps ?? []).result;
  return result === undefined || chip === undefined ? undefined : compileLayerwise(result, chip, {}, report);
}

function digits(): Program | undefined {
  const model = fileURLToPath(new URL("../examples/digits/model.pth", import.meta.url));
  return compiled(importModel(model, { arch: "statten" }, report)?.net);
}

function random512(): Program | undefined {
  const model = randomModel({ seed: 1, config: "statten-cifar10-2-512" }, report);
  const rates = readRates("0.2", report);
  if (model === undefined || rates === undefined) return undefined;
  return compiled(calibrateModel(model, rates, { seed: 1 }, report)?.net);
}

function inputsOf(program: Program): ReadonlyMap<string, PortValues> {
  return new Map(
    program.inputs.map(({ name, slots, shape }) => {
      const values = shape.reduce((product, n) => product * n, slots);
      return [name, Float32Array.from({ length: values }, (_, i) => 1.5 * Math.sin(0.37 * i))] as const;
    }),
  );
}

/** Processor time, so that other processes on the machine do not count. */
function seconds(work: () => unknown): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1e-6;
}

const milliseconds = (s: number): string => `${(1000 * s).toFixed(1)} ms`;

function measure(name: string, program: Program): void {
  const inputs = inputsOf(program);
  const run = (machine: Machine): number => seconds(() => machine.run(inputs));
  const event = createEvent(program);
  const stepped = createStepped(program);
  let result: RunResult = event.run(inputs);
  // One run of stepped is long enough where there are millions of cycles.
  const small = result.cycles < 1e6;
  for (let i = 0; small && i < WARM_UP; i++) for (const machine of [event, stepped]) run(machine);
  const times = Array.from({ length: ROUNDS }, () => seconds(() => (result = event.run(inputs))));
  const [fast, slow] = [median(times), run(stepped)];
  const ac = result.layers.reduce((sum, { events }) => sum + events.ac.reduce((a, b) => a + b, 0), 0);
  console.log(
    `${name}: ${result.cycles.toLocaleString("en-US")} cycles, ${(ac / 1e6).toFixed(1)} M synaptic operations\n` +
      `  event ${milliseconds(fast)}, stepped ${milliseconds(slow)}: ${(slow / fast).toFixed(1)} times as fast\n` +
      `  clock ${(100 * median(clockShares(program, inputs, ROUNDS))).toFixed(1)} % of event's time; ${(ac / fast / 1e9).toFixed(2)} G operations/s end to end`,
  );
}

const files = process.argv.slice(2);
const programs: readonly (readonly [string, Program | undefined])[] =
  files.length > 0
    ? files.map((file) => [file, readProgram(file, report)])
    : [
        ["digits", digits()],
        ["STAtten 2-512, 32 x 32, 20 %", random512()],
      ];
for (const [name, program] of programs) if (program !== undefined) measure(name, program);
for (const diagnostic of report.diagnostics) console.error(renderDiagnostic(diagnostic));
