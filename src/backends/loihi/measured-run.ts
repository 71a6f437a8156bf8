import type { Report } from "../../diagnostics/index.js";
import { loihiDiagnostics } from "./diagnostics.js";
import type { LegalNet } from "./legal-net.js";
import type { Activity } from "./map/index.js";

/** What a run of a program says about how often its populations send, summed over samples. */
export interface MeasuredRun {
  /** The file, for people. */
  readonly name: string;
  /** Of its network. */
  readonly program: string;
  readonly timesteps: number;
  readonly samples: number;
  /** One per population, in the order of the program. */
  readonly layers: readonly MeasuredLayer[];
  /** Spikes of each neuron, of layers that were recorded. */
  readonly recorded: ReadonlyMap<string, ArrayLike<number>>;
}

export interface MeasuredLayer {
  readonly name: string;
  /** The op that makes the population. */
  readonly kind: string;
  /** Values that left it. */
  readonly spikes: number;
}

const HINT =
  "--profile takes a run of this network: compile it without --profile, with the same options otherwise, and `spikec simulate` it with -o";

/**
 * The activity of a net in a run of it: by neuron where the run has recorded spikes, else all neurons of a population alike. Undefined
 * with the reason in `report` where it is no run of this net.
 */
export function activityOf(
  { net, populations, timesteps }: LegalNet,
  run: MeasuredRun,
  report: Report,
): Activity | undefined {
  const refuse = (why: string): undefined =>
    report.add(loihiDiagnostics.make("profile", `\`${run.name}\` is no run of this network: ${why}`, { hint: HINT }));
  if (run.program !== net.name) return refuse(`it ran @${run.program}, this is @${net.name}`);
  if (run.timesteps !== timesteps) return refuse(`it has ${run.timesteps} timesteps, the network ${timesteps}`);
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const rates = new Map<string, Float64Array>();
  const seen = new Set<string>();
  const moments = timesteps * run.samples;
  for (const [i, { value, layer, elements }] of populations.entries()) {
    const kind = producers.get(value)!.name;
    const measured = run.layers[i];
    if (measured?.name !== layer || measured.kind !== kind) {
      const theirs = measured === undefined ? `only ${i} populations` : `\`${measured.name}\` (${measured.kind})`;
      return refuse(`population ${i} is \`${layer}\` (${kind}), the run has ${theirs}`);
    }
    if (measured.spikes > elements * moments) {
      return refuse(
        `\`${layer}\` has ${elements} neurons, which cannot send ${measured.spikes} times in ${moments} timesteps`,
      );
    }
    // Recordings are of the first population of a layer.
    const each = seen.has(layer) ? undefined : run.recorded.get(layer);
    seen.add(layer);
    if (each !== undefined && each.length !== elements) {
      return refuse(`\`${layer}\` has ${elements} neurons, in the run ${each.length}`);
    }
    const alike = measured.spikes / elements;
    rates.set(
      value,
      Float64Array.from({ length: elements }, (_, j) => (each?.[j] ?? alike) / moments),
    );
  }
  if (run.layers.length > populations.length) {
    return refuse(`it has ${run.layers.length} populations, the network ${populations.length}`);
  }
  const samples = run.samples === 1 ? "1 sample" : `${run.samples} samples`;
  return { source: `measured in ${run.name}, ${samples}`, rates };
}
