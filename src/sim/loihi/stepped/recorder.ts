import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { LoihiRunOptions, LoihiRunResult, LoihiStates } from "../result.js";

/** What a run is asked to keep, by population. */
export class Recorder {
  private readonly spikes: readonly Uint8Array[];
  private readonly u: readonly Int32Array[];
  private readonly v: readonly Int32Array[];

  constructor(
    private readonly program: LoihiProgram,
    private readonly options: LoihiRunOptions,
  ) {
    const { populations, timesteps } = program;
    const states = (): Int32Array[] =>
      options.states === true ? populations.map(({ neurons }) => new Int32Array(timesteps * neurons)) : [];
    this.spikes = populations.map(({ neurons }) => new Uint8Array(timesteps * neurons));
    this.u = states();
    this.v = states();
  }

  spike(population: number, timestep: number, neuron: number): void {
    this.spikes[population]![this.at(population, timestep, neuron)] = 1;
  }

  state(population: number, timestep: number, neuron: number, u: number, v: number): void {
    if (this.options.states !== true) return;
    const at = this.at(population, timestep, neuron);
    this.u[population]![at] = u;
    this.v[population]![at] = v;
  }

  private at(population: number, timestep: number, neuron: number): number {
    return timestep * this.program.populations[population]!.neurons + neuron;
  }

  result(): Pick<LoihiRunResult, "outputs" | "spikes" | "states"> {
    const { outputs, layers, populations } = this.program;
    const recorded = new Map<string, Uint8Array>();
    for (const [i, { name, recorded: keep }] of layers.entries()) {
      const first = populations.findIndex(({ layer }) => layer === i);
      if (keep && first >= 0) recorded.set(name, this.spikes[first]!);
    }
    const statesOf = (i: number): LoihiStates => ({ u: this.u[i]!, v: this.v[i]!, spikes: this.spikes[i]! });
    return {
      outputs: new Map(outputs.map(({ name, population }) => [name, this.spikes[population]!])),
      spikes: this.options.record === true ? recorded : undefined,
      states: this.options.states === true ? new Map(populations.map(({ name }, i) => [name, statesOf(i)])) : undefined,
    };
  }
}
