import type { Group, LoihiProgram, Population } from "../../../backends/program/loihi/program.js";
import type { LoihiRunOptions, LoihiRunResult, LoihiStates } from "../result.js";

/** Keeps the spikes of outputs, and what a run is asked to keep beside. */
export class Recorder {
  /** By population; undefined where nobody asks. */
  private spikes: readonly (Uint8Array | undefined)[] = [];
  private kept: readonly LoihiStates[] | undefined;
  /** First populations of recorded layers, by name. */
  private recorded: ReadonlyMap<string, number> | undefined;

  constructor(private readonly program: LoihiProgram) {}

  /** A new sample. */
  begin({ record = false, states = false }: LoihiRunOptions): void {
    const { populations, layers, outputs, timesteps } = this.program;
    const first = layers.map((_, layer) => populations.findIndex((population) => population.layer === layer));
    const named = layers.flatMap(({ name, recorded }, layer) =>
      recorded && first[layer]! >= 0 ? [[name, first[layer]!] as const] : [],
    );
    this.recorded = record ? new Map(named) : undefined;
    const wanted = new Set([...outputs.map(({ population }) => population), ...(this.recorded?.values() ?? [])]);
    this.spikes = populations.map(({ neurons }, i) =>
      states || wanted.has(i) ? new Uint8Array(timesteps * neurons) : undefined,
    );
    const values = (neurons: number): Int32Array => new Int32Array(timesteps * neurons);
    const statesOf = ({ neurons }: Population, i: number): LoihiStates => ({
      u: values(neurons),
      v: values(neurons),
      spikes: this.spikes[i]!,
    });
    this.kept = states ? populations.map(statesOf) : undefined;
  }

  /** A compartment of a group fires, or relays. */
  spike({ population, neurons }: Group, timestep: number, compartment: number): void {
    const spikes = this.spikes[population];
    if (spikes === undefined) return;
    spikes[timestep * this.program.populations[population]!.neurons + neurons[compartment]!] = 1;
  }

  /** The compartments of a group at the end of a timestep. */
  states({ population, neurons }: Group, timestep: number, u: Int32Array, v: Int32Array): void {
    const kept = this.kept?.[population];
    if (kept === undefined) return;
    const row = timestep * this.program.populations[population]!.neurons;
    for (let i = 0; i < u.length; i++) {
      kept.u[row + neurons[i]!] = u[i]!;
      kept.v[row + neurons[i]!] = v[i]!;
    }
  }

  result(): Pick<LoihiRunResult, "outputs" | "spikes" | "states"> {
    const { outputs, populations } = this.program;
    const byName = (names: Iterable<readonly [string, number]>): Map<string, Uint8Array> =>
      new Map([...names].map(([name, population]) => [name, this.spikes[population]!]));
    return {
      outputs: byName(outputs.map(({ name, population }) => [name, population])),
      spikes: this.recorded && byName(this.recorded),
      states: this.kept && new Map(this.kept.map((states, i) => [populations[i]!.name, states])),
    };
  }
}
