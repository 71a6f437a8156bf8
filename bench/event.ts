/*
 * The fast simulator in one process: `event` against `stepped` (the ratio of their times, the share of event's time that its clock
 * takes), on the digits example and on a random STAtten 2-512 at CIFAR size; and how much of the speed of its kernels it keeps end
 * to end (kernel-share.ts), on 2-512 at published rates and at 20 %.
 *   tsx bench/event.ts [program.spk ...]      event against stepped alone, on other programs with picture inputs
 */
import { readProgram, type Program } from "../src/backends/program/index.js";
import { Report } from "../src/diagnostics/index.js";
import { createEvent, createStepped, type PortValues, type RunResult } from "../src/sim/layerwise/index.js";
import { clockShares } from "./clock-share.js";
import { printKernelShare } from "./kernel-share.js";
import { median } from "./median.js";
import { digits, randomNetwork } from "./networks.js";
import { found } from "./peers/measure.js";
import { processorSeconds } from "./race.js";

const ROUNDS = 7;
/** Rounds before times count: the compiler of the engine needs them. */
const WARM_UP = 20;
const SIZE = "statten-cifar10-2-512";
/** The nearest published table: that of 8-768 at 224 x 224, of which 2-512 has the rows of the first two blocks. */
const PUBLISHED = "statten-8-768";

/** A picture of waves for any program. */
function waves(program: Program): ReadonlyMap<string, PortValues> {
  return new Map(
    program.inputs.map(({ name, slots, shape }) => {
      const values = shape.reduce((product, n) => product * n, slots);
      return [name, Float32Array.from({ length: values }, (_, i) => 1.5 * Math.sin(0.37 * i))] as const;
    }),
  );
}

const milliseconds = (s: number): string => `${(1000 * s).toFixed(1)} ms`;

function againstStepped(name: string, program: Program, inputs: ReadonlyMap<string, PortValues>): void {
  const event = createEvent(program);
  const stepped = createStepped(program);
  let result: RunResult = event.run(inputs);
  // One run of stepped is long enough where there are millions of cycles.
  const small = result.cycles < 1e6;
  for (let i = 0; small && i < WARM_UP; i++) for (const machine of [event, stepped]) machine.run(inputs);
  const times = Array.from({ length: ROUNDS }, () => processorSeconds(() => (result = event.run(inputs))));
  const [fast, slow] = [median(times), processorSeconds(() => stepped.run(inputs))];
  const ac = result.layers.reduce((sum, { events }) => sum + events.ac.reduce((a, b) => a + b, 0), 0);
  console.log(
    `${name}: ${result.cycles.toLocaleString("en-US")} cycles, ${(ac / 1e6).toFixed(1)} M synaptic operations\n` +
      `  event ${milliseconds(fast)}, stepped ${milliseconds(slow)}: ${(slow / fast).toFixed(1)} times as fast\n` +
      `  clock ${(100 * median(clockShares(program, inputs, ROUNDS))).toFixed(1)} % of event's time; ${(ac / fast / 1e9).toFixed(2)} G operations/s end to end`,
  );
}

const files = process.argv.slice(2);
for (const file of files) {
  const report = new Report();
  const program = found(readProgram(file, report, "layerwise"), report);
  againstStepped(file, program, waves(program));
}
if (files.length === 0) {
  const example = digits();
  againstStepped("digits", example.program, example.inputs);
  const published = randomNetwork(SIZE, PUBLISHED);
  againstStepped(`${SIZE}, published rates`, published.program, published.inputs);
  printKernelShare(`${SIZE}, published rates`, published);
  printKernelShare(`${SIZE}, 20 %`, randomNetwork(SIZE, "0.2"));
}
