import type { Program } from "../../../backends/program/program.js";
import type { Firing, Probe } from "../machine.js";

/** Keeps the spikes of recorded layers, one byte per neuron and timestep, as `fire` writes them; and who observes neurons. */
export class Recorder {
  private maps: (Uint8Array | undefined)[] = [];
  private probe: Probe | undefined;

  constructor(private readonly program: Program) {}

  /** Starts a sample; without `record` nothing is kept. */
  start(record: boolean, probe: Probe | undefined): void {
    const { layers, timesteps } = this.program;
    this.probe = probe;
    this.maps = layers.map((layer) =>
      record && layer.recorded ? new Uint8Array(timesteps * layer.positions * layer.channels) : undefined,
    );
  }

  /** Who wants to see the neurons of a layer fire. */
  observer(layer: number): ((firing: Firing) => void) | undefined {
    return this.probe?.layers.has(layer) === true ? this.probe.onFire : undefined;
  }

  /** Notes `n` spikes from channel `channel` on. */
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
    const shape = this.program.layers[layer];
    if (map === undefined || shape === undefined) return;
    const at = (timestep * shape.positions + position) * shape.channels + channel;
    for (let i = 0; i < n; i++) map[at + i] = spikes[from + i]!;
  }

  /** Recorded layers by name. */
  result(): Map<string, Uint8Array> {
    const spikes = new Map<string, Uint8Array>();
    this.program.layers.forEach(({ name }, i) => {
      const map = this.maps[i];
      if (map !== undefined) spikes.set(name, map);
    });
    return spikes;
  }
}
