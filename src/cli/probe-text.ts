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

function* rows(record: ProbeRecord): Generator<readonly string[]> {
  const { positions, channels, timesteps, neuron } = record;
  const neurons = neuron === null ? Array.from({ length: positions * channels }, (_, i) => i) : [neuron];
  for (const n of neurons) {
    for (let t = 0; t < timesteps; t++) {
      const state = stateAt(record, t, n);
      if (state === undefined) continue;
      const { before, input, charged, threshold, spike, after } = state;
      const numbers = [before, input, charged, threshold, spike, after].map(valueText);
      yield [String(Math.floor(n / channels)), String(n % channels), String(t), ...numbers];
    }
  }
}

const HEADER = ["position", "channel", "timestep", "v before", "input", "v", "v_th", "spike", "v after"];

/** One block per sample and probe; nothing where nothing was probed. */
export function probeText(run: RunFile): readonly string[] {
  return run.samples.flatMap((sample) =>
    (sample.probes ?? []).flatMap((probe) => {
      const record = probeFromJson(probe);
      const all = record.spikes.length;
      const shown: (readonly string[])[] = [];
      for (const row of rows(record)) if (shown.push(row) === MOST_ROWS) break;
      const rest = all - shown.length;
      return [
        "",
        `${record.layer} in sample ${sample.name}: v is the charged potential, which is compared with v_th`,
        table([HEADER, ...shown]),
        ...(rest === 0 ? [] : [`and ${count(rest)} rows more; --json and -o FILE have all of them`]),
      ];
    }),
  );
}
