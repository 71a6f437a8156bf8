import type { Program } from "../../../../backends/program/program.js";

/** Keeps the spikes of recorded layers, 0 or 1, [timesteps, positions, channels]. */
export class Recorder {
  private maps: (Uint8Array | undefined)[] = [];

  constructor(private readonly program: Program) {}

  /** Starts a sample; without `record` nothing is kept. */
  start(record: boolean): void {
    const { layers, timesteps } = this.program;
    this.maps = layers.map(({ recorded, positions, channels }) =>
      record && recorded ? new Uint8Array(timesteps * positions * channels) : undefined,
    );
  }

  /** Keeps the first `n` of the spikes at `from`, as those of a layer's neurons from `channel` on. */
  note(
    layer: number,
    timestep: number,
    position: number,
    channel: number,
    spikes: Uint8Array,
    from: number,
    n: number,
  ): void {
    const map = this.maps[layer];
    if (map === undefined) return;
    const { positions, channels } = this.program.layers[layer]!;
    const to = (timestep * positions + position) * channels + channel;
    for (let i = 0; i < n; i++) map[to + i] = spikes[from + i]!;
  }

  /** Recorded layers by name. */
  result(): Map<string, Uint8Array> {
    return new Map(
      this.program.layers.flatMap(({ name }, i): [string, Uint8Array][] => {
        const map = this.maps[i];
        return map === undefined ? [] : [[name, map]];
      }),
    );
  }
}
