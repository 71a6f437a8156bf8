/*
 * Wall time of `event` as a line over spikes and over synaptic operations: one architecture with random weights, calibrated at
 * several firing rates, all of them in each round, one thread.
 *   tsx bench/rate-line.ts [configuration] [chip]      by default STAtten 2-512 at 32 x 32 on layerwise-default
 */
import { createEvent, type EventName, type RunResult } from "../src/sim/layerwise/index.js";
import { line } from "./line.js";
import { randomNetwork } from "./networks.js";
import { best, processorSeconds, race, wallSeconds } from "./race.js";

/** Of every neuron with a batch norm of its own; those behind attention follow from it. */
const RATES = ["0.025", "0.05", "0.1", "0.2", "0.3", "0.4"];
const ROUNDS = 15;

const [config = "statten-cifar10-2-512", chip = "layerwise-default"] = process.argv.slice(2);

function count(result: RunResult, event: EventName): number {
  return result.layers.reduce((all, { events }) => all + events[event].reduce((a, b) => a + b, 0), 0);
}

const runs = RATES.map((rate) => {
  const { program, inputs } = randomNetwork(config, rate, chip);
  const machine = createEvent(program);
  const result = machine.run(inputs);
  return { rate, run: () => machine.run(inputs), spikes: count(result, "spike"), sop: count(result, "ac") };
});

/** Points and lines of one kind of time, all runs in each round. */
function print(kind: string, seconds: (work: () => unknown) => number): void {
  const times = race(Object.fromEntries(runs.map(({ rate, run }) => [rate, run])), ROUNDS, seconds, best);
  const points = runs.map(({ rate, spikes, sop }) => ({ rate, spikes, sop, seconds: times[rate]! }));
  console.log(`${kind} time, best of ${ROUNDS} interleaved pictures`);
  console.log(["rate %", "M spikes", "G SOP", "ms"].map((title) => title.padStart(10)).join(""));
  for (const point of points) {
    const counts = [(point.spikes / 1e6).toFixed(3), (point.sop / 1e9).toFixed(3)];
    const cells = [(100 * Number(point.rate)).toFixed(1), ...counts, (1e3 * point.seconds).toFixed(1)];
    console.log(cells.map((cell) => cell.padStart(10)).join(""));
  }
  for (const [what, key] of [
    ["spike", "spikes"],
    ["synaptic operation", "sop"],
  ] as const) {
    const { a, b, r2 } = line(points.map((point) => [point[key], point.seconds] as const));
    const slope = `${(1e9 * b).toPrecision(3)} ns per ${what}`;
    console.log(`  ${kind} time = ${(1e3 * a).toFixed(1)} ms + ${slope}, R2 = ${r2.toFixed(4)}`);
  }
}

console.log(`${config} on ${chip}, one thread`);
print("wall", wallSeconds);
// The same where other processes do not count: on an idle machine the lines agree.
print("processor", processorSeconds);
