/*
 * The fast simulator of the step-by-step chip on an event-camera network: seconds of one run (load apart), and what it did.
 *   tsx bench/loihi.ts [rounds]
 */
import { createEvent } from "../src/sim/loihi/event/index.js";
import { LOIHI_EVENTS, type LoihiRunResult } from "../src/sim/loihi/result.js";
import { eventCameraNetwork } from "./loihi-network.js";
import { median } from "./median.js";

const ROUNDS = Number(process.argv[2] ?? 7);

interface Times {
  readonly wall: number;
  /** Processor time, so that other processes on the machine do not count. */
  readonly processor: number;
}

function timed<T>(work: () => T): Times & { readonly result: T } {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, wall: (performance.now() - start) / 1000, processor: (user + system) * 1e-6 };
}

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M`;
const seconds = (s: number): string => `${s.toFixed(3)} s`;

function describe({ layers, links, steps, time }: LoihiRunResult): string {
  const events = LOIHI_EVENTS.map((event) => [event, sum(layers.map((layer) => sum(layer.events[event])))] as const);
  const synapses = sum(layers.map((layer) => sum(layer.synapses.map(sum))));
  const counts = new Map<string, number>([...events, ["synaptic events", synapses]]);
  const updates = counts.get("update")! / synapses;
  return [
    [...counts]
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name} ${millions(count)}`)
      .join(", "),
    `${(synapses / counts.get("message")!).toFixed(1)} synaptic events per message, ${updates.toFixed(2)} updates per synaptic event`,
    `${((time / steps) * 1e-6).toFixed(2)} us per step on the chip, longest queue of a link ${Math.max(...links.map(({ peak }) => peak))}`,
  ].join("\n  ");
}

const { program, inputs } = eventCameraNetwork();
const load = timed(() => createEvent(program));
const first = timed(() => load.result.run(inputs));
const later = Array.from({ length: ROUNDS }, () => timed(() => load.result.run(inputs)));
console.log(`${program.name}, ${program.cores.length} cores, ${program.steps} steps\n  ${describe(first.result)}`);
console.log(`  load ${seconds(load.wall)}, first run ${seconds(first.wall)} (processor ${seconds(first.processor)})`);
const [wall, processor] = [median(later.map((t) => t.wall)), median(later.map((t) => t.processor))];
console.log(`  median of ${ROUNDS} later runs ${seconds(wall)} (processor ${seconds(processor)})`);
