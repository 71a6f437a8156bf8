import { placeOf } from "../sim/loihi/places.js";
import { membraneAt } from "../sim/loihi/probes.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import { stateAt, type ProbeRecord } from "../sim/probes.js";
import { probeFromJson } from "../sim/recording.js";
import type { RunFile } from "../sim/run-file.js";
import { count, table } from "./text.js";

/** Tables of what probes saw. */

/** Rows of one table; a whole layer has many more. */
const MOST_ROWS = 40;

/** A number with all its digits where it is an integer, else with seven: an f32 has no more. */
export function valueText(x: number): string {
  return Number.isInteger(x) ? String(x) : String(Number(x.toPrecision(7)));
}

/** A probe, a row per neuron and timestep: the numbers that its chip knows, behind position, channel and timestep. */
function probeTable(
  { positions, channels, timesteps, neuron }: Pick<ProbeRecord, "positions" | "channels" | "timesteps" | "neuron">,
  header: readonly string[],
  numbersOf: (timestep: number, neuron: number) => readonly string[],
): readonly string[] {
  const rows: (readonly string[])[] = [];
  const [first, size] = neuron === null ? [0, positions * channels] : [neuron, 1];
  for (let n = first; n < first + size && rows.length < MOST_ROWS; n++) {
    for (let t = 0; t < timesteps && rows.length < MOST_ROWS; t++)
      rows.push([String(Math.floor(n / channels)), String(n % channels), String(t), ...numbersOf(t, n)]);
  }
  const rest = size * timesteps - rows.length;
  return [
    table([["position", "channel", "timestep", ...header], ...rows]),
    ...(rest === 0 ? [] : [`and ${count(rest)} rows more; --json and -o FILE have all of them`]),
  ];
}

const CHARGED = ["v before", "input", "v", "v_th", "spike", "v after"];
const MEMBRANE = ["v before", "u", "v_th", "spike", "v after", "core", "compartment"];

/** One block per sample and probe; nothing where nothing was probed. */
export function probeText(run: RunFile): readonly string[] {
  return run.samples.flatMap((sample) =>
    (sample.probes ?? []).flatMap((probe) => {
      const record = probeFromJson(probe);
      return [
        "",
        `${record.layer} in sample ${sample.name}: v is the charged potential, which is compared with v_th`,
        ...probeTable(record, CHARGED, (t, n) => {
          const { before, input, charged, threshold, spike, after } = stateAt(record, t, n)!;
          return [before, input, charged, threshold, spike, after].map(valueText);
        }),
      ];
    }),
  );
}

/** The same of a step-by-step chip, with the place of each neuron. */
export function loihiProbeText({ samples, layers }: LoihiRunFile): readonly string[] {
  return samples.flatMap((sample) =>
    (sample.probes ?? []).flatMap((probe) => {
      const places = layers.find(({ name }) => name === probe.layer)?.places ?? [];
      return [
        "",
        `${probe.layer} in sample ${sample.name}: u and v after are those at the end of the timestep, a spike resets v`,
        ...probeTable(probe, MEMBRANE, (t, n) => {
          const { before, u, threshold, spike, after } = membraneAt(probe, t, n)!;
          const place = placeOf(places, n);
          const at = place === undefined ? ["-", "-"] : [place.core, place.compartment].map(String);
          return [...[before, u, threshold, spike, after].map(valueText), ...at];
        }),
      ];
    }),
  );
}
