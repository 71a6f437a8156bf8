import { channelsOf, evaluate, valueTypes, type Net, type Value } from "../../../ir/index.js";

/** How often values are not zero: what event-driven cycles depend on. Values are named as in the net. */
export interface Activity {
  /**
   * Fractions of the bits of plane `plane` that are set in at least one of the timesteps `first..first + steps`: one number per
   * equal share of the positions, from silent to busy ones.
   */
  any(value: string, plane: number, first: number, steps: number): readonly number[];
  /** Sum over these timesteps of the fraction of bits that are set. */
  sum(value: string, plane: number, first: number, steps: number): number;
  /** Fraction of values that are not 0 at a timestep, for real and integer inputs. */
  nonZero(value: string, timestep: number): number;
  /** Values with equal signatures are equally active. */
  signature(value: string): string;
}

/**
 * Every neuron fires in a fraction `rate` of its timesteps, independently of everything else; counts have the same rate in
 * each bit plane. Real and integer inputs are never 0.
 */
export function uniformActivity(rate: number): Activity {
  return {
    any: (_value, _plane, _first, steps) => [1 - (1 - rate) ** steps],
    sum: (_value, _plane, _first, steps) => rate * steps,
    nonZero: () => 1,
    signature: () => "",
  };
}

type Sample = ReadonlyMap<string, ArrayLike<number>>;

/** Measured with the evaluator: the mean over calibration inputs. */
export function measuredActivity(net: Net, samples: readonly Sample[]): Activity {
  const runs = samples.map((sample) => evaluate(net, sample).values);
  const types = valueTypes(net);
  const known = new Map<string, number>();
  const shares = new Map<string, readonly number[]>();
  const mean = (value: string, key: string, of: (slots: Value, period: number) => number): number => {
    const name = `${value} ${key}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const period = types.get(value)?.time.period ?? 1;
    const total = runs.reduce((sum, values) => sum + of(values.get(value) ?? [], period), 0);
    known.set(name, total / runs.length);
    return total / runs.length;
  };
  /** Slots of some timesteps; a slot that holds counts for each. */
  const slotsOf = (slots: Value, period: number, first: number, steps: number): Value =>
    Array.from({ length: steps }, (_, i) => slots[Math.floor((first + i) / period)]).filter(
      (slot) => slot !== undefined,
    );
  return {
    any(value, plane, first, steps) {
      const key = `${value} ${plane} ${first} ${steps}`;
      const before = shares.get(key);
      if (before !== undefined) return before;
      const type = types.get(value);
      const channels = type === undefined ? 1 : channelsOf(type);
      const densities = runs.flatMap((values) =>
        positionDensities(slotsOf(values.get(value) ?? [], type?.time.period ?? 1, first, steps), plane, channels),
      );
      const found = equalShares(densities);
      shares.set(key, found);
      return found;
    },
    sum: (value, plane, first, steps) =>
      mean(value, `sum ${plane} ${first} ${steps}`, (slots, period) => {
        let total = 0;
        for (const slot of slotsOf(slots, period, first, steps)) {
          let set = 0;
          for (let i = 0; i < slot.length; i++) set += bit(slot[i]!, plane);
          total += set / slot.length;
        }
        return total;
      }),
    nonZero: (value, timestep) =>
      mean(value, `nonzero ${timestep}`, (slots, period) => {
        const slot = slots[Math.floor(timestep / period)] ?? [];
        let set = 0;
        for (let i = 0; i < slot.length; i++) if (slot[i] !== 0) set++;
        return slot.length === 0 ? 0 : set / slot.length;
      }),
    signature: (value) => value,
  };
}

/** Per position, the fraction of channels whose bit is set in any of the slots. */
function positionDensities(slots: Value, plane: number, channels: number): readonly number[] {
  const positions = (slots[0]?.length ?? 0) / channels;
  return Array.from({ length: positions }, (_, p) => {
    let set = 0;
    for (let c = p * channels; c < (p + 1) * channels; c++) if (slots.some((slot) => bit(slot[c]!, plane) !== 0)) set++;
    return set / channels;
  });
}

/** How many shares of the positions are told apart. */
const SHARES = 16;

/** Means of equally many values each, in rising order. */
function equalShares(values: readonly number[]): readonly number[] {
  const sorted = values.toSorted((a, b) => a - b);
  const n = Math.min(SHARES, sorted.length);
  return Array.from({ length: n }, (_, i) => {
    const share = sorted.slice(Math.floor((i * sorted.length) / n), Math.floor(((i + 1) * sorted.length) / n));
    return share.reduce((a, b) => a + b, 0) / share.length;
  });
}

/** Bit `plane` of a count. */
function bit(count: number, plane: number): number {
  return Math.floor(count / 2 ** plane) % 2;
}
