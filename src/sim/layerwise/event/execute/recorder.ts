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

  /** Whether the spikes of a layer are kept. */
  records(layer: number): boolean {
    return this.maps[layer] !== undefined;
  }

  /** Keeps the first `n` bits of a timestep of a spike word, as the spikes of a layer's neurons from `channel` on. */
  note(layer: number, timestep: number, position: number, channel: number, bits: Uint8Array, n: number): void {
    const map = this.maps[layer]!;
    const { positions, channels } = this.program.layers[layer]!;
    const to = (timestep * positions + position) * channels + channel;
    for (let i = 0; i < n; i++) map[to + i] = (bits[i >> 3]! >> (i & 7)) & 1;
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
