import type { LoihiChip } from "../../../chips/loihi.js";
import { internalError } from "../../../diagnostics/index.js";
import { gcd } from "../../../math/numbers.js";

/** The smallest time that the clock of a chip must tell apart, ps: the greatest common divisor of its times, or 1. */
export function tickOf({ synapse, barrier, ...times }: LoihiChip["time"]): number {
  const all = [...Object.values(times), ...Object.values(synapse), ...Object.values(barrier)];
  return all.reduce(gcd, 0) || 1;
}

/** The times of a chip in ticks; `barrier` is that of the step's end, `synapse` is by index of the format. */
export type Ticks = Omit<LoihiChip["time"], "synapse" | "barrier"> & {
  readonly synapse: readonly number[];
  readonly barrier: number;
};

/** `tiles` is the number of tiles that the program uses. */
export function inTicks(chip: LoihiChip, tick: number, tiles: number): Ticks {
  const { synapse, barrier, ...times } = chip.time;
  const scaled = Object.entries(times).map(([name, ps]): [string, number] => [name, ps / tick]);
  const ofFormat = (name: string): number => {
    const ps = synapse[name];
    if (ps === undefined) throw internalError(`the format ${name} has no time of a synaptic event`);
    return ps / tick;
  };
  const key = Math.max(
    ...Object.keys(barrier)
      .map(Number)
      .filter((least) => least <= tiles),
  );
  const ofBarrier = barrier[key];
  if (ofBarrier === undefined) throw internalError(`no barrier for ${tiles} tiles`);
  return {
    ...(Object.fromEntries(scaled) as typeof times),
    synapse: chip.synapseFormats.map(({ name }) => ofFormat(name)),
    barrier: ofBarrier / tick,
  };
}

/** Work that takes time: yields how many ticks pass before it goes on. */
export type Work = Generator<number, void>;

/** Does one piece of work at a time, tick by tick. */
export class Worker {
  /** Ticks in which it was at work. */
  busyTicks = 0;
  private work: Work | undefined;
  private left = 0;

  get busy(): boolean {
    return this.work !== undefined;
  }

  start(work: Work): void {
    this.work = work;
    this.goOn();
  }

  /** Drops what it is doing. */
  stop(): void {
    this.work = undefined;
    this.left = 0;
  }

  /** Does everything that is due at this instant. */
  goOn(): void {
    while (this.work !== undefined && this.left === 0) {
      const { value, done } = this.work.next();
      if (done === true) this.work = undefined;
      else this.left = value;
    }
  }

  /** One tick passes. */
  tick(): void {
    if (this.work === undefined) return;
    this.left--;
    this.busyTicks++;
  }
}
