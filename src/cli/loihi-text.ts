import type { EnergyEstimate } from "../energy/index.js";
import { sum } from "../math/numbers.js";
import type { LoihiLayerTotals, LoihiRunFile } from "../sim/loihi/run-file.js";
import { energyText } from "./energy-text.js";
import { accuracyOf } from "./simulation.js";
import { count, percent, si, table } from "./text.js";

/** Runs of step-by-step chips for people. */

export function synapticEvents({ synapses }: LoihiLayerTotals): number {
  return sum(Object.values(synapses).map(sum));
}

/** Where the time of the steps goes: until the last neuron phase ends, then messages, then barriers and stops with them. */
export function timeShares(run: LoihiRunFile): { readonly neurons: number; readonly rest: number } {
  const neurons = sum(run.neuronTimes) / sum(run.stepTimes);
  return { neurons, rest: 1 - neurons };
}

export function loihiSummary(run: LoihiRunFile, energy: EnergyEstimate): string {
  const samples = run.samples.length;
  const per = (n: number): string => count(Math.round(n / samples));
  const accuracy = accuracyOf(run);
  const messages = sum(run.layers.map(({ events }) => sum(events.message)));
  const synapses = sum(run.layers.map(synapticEvents));
  const shares = timeShares(run);
  const { host } = run;
  return [
    `${samples} samples on ${run.chip.name}: ${count(run.steps)} steps, ${si(run.seconds / samples, "s")} per sample`,
    ...(accuracy === undefined ? [] : [`accuracy ${percent(accuracy)}`]),
    `${per(messages)} messages, ${per(synapses)} synaptic events, ${si(energy.totals.all / samples, "J")} per sample`,
    `time: ${percent(shares.neurons, 1)} until the last core has updated its neurons, ${percent(shares.rest, 1)} for what is still under way, and barriers`,
    "",
    "on the host, not part of the chip's time and energy",
    table([
      ["part", "what", "values", "bytes"],
      ...host.ops.map(({ part, op, count: n }) => [part, `${n} x ${op}`, "", ""]),
      ...host.crossings.map(({ direction, name, values, bytes }) => [direction, name, count(values), count(bytes)]),
    ]),
    "",
    "events per sample",
    table([
      ["layer", "updates", "spikes", "messages", "links", "synaptic events", "attention", "from host"],
      ...run.layers.map(({ name, events, ...layer }) => [
        name,
        per(sum(events.update)),
        per(sum(events.spike)),
        per(sum(events.message)),
        per(sum([...events.hopX, ...events.hopY, ...events.chipHop])),
        per(synapticEvents({ name, events, ...layer })),
        per(sum([...events.kv, ...events.qa])),
        per(sum(events.hostInput)),
      ]),
    ]),
    "",
    energyText(energy),
  ].join("\n");
}
