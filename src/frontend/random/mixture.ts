import {
  channelRates,
  fitShift,
  mean,
  sampleRates,
  uniformSetting,
  type CurrentSample,
  type NeuronRule,
  type Setting,
} from "./fit.js";

/**
 * Rates per timestep. One gamma and beta for a whole layer has two numbers for T rates. But each channel may have its own: every
 * candidate (gamma, beta) gives a channel a firing profile over the timesteps, measured on the layer's own currents, and the
 * layer's profile is the mean over its channels. So candidates are dealt to channels such that the sum of their profiles comes
 * nearest, in squares, to the wanted one. What lies outside of all sums of profiles cannot be reached.
 */

/** Neurons that candidates are measured on, at least {@link COARSE_POSITIONS} of each channel. */
const COARSE = 2 ** 14;
const COARSE_POSITIONS = 8;

const GAMMAS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16];
/** Those that are dealt; the others are only for layers whose channels are alike. */
const DEALT = new Set([1 / 8, 1 / 2, 1, 2, 4, 16]);
/** In deviations of the current, or thresholds where these are larger, from the beta at which a gamma meets the mean rate. */
const BETAS = [-1.5, -0.5, -0.2, 0, 0.2, 0.5, 1, 2];
const SWEEPS = 24;

interface Candidate {
  readonly gamma: number;
  readonly beta: number;
  /** [channel x timesteps]. */
  readonly rates: Float64Array;
}

function squares(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, t) => sum + (x - (b[t] ?? 0)) ** 2, 0);
}

/** Standard deviation of all values. */
function deviation(slots: readonly Float32Array[]): number {
  let [n, sum, sumOfSquares] = [0, 0, 0];
  for (const slot of slots) {
    n += slot.length;
    for (const x of slot) {
      sum += x;
      sumOfSquares += x * x;
    }
  }
  return n === 0 ? 0 : Math.sqrt(Math.max(0, sumOfSquares / n - (sum / n) ** 2));
}

/** A number that shares no small factor with the sizes of layers, so that steps of it visit all of them evenly. */
function oddAndNotBy3(n: number): number {
  let stride = Math.max(1, Math.floor(n));
  while (stride > 1 && (stride % 2 === 0 || stride % 3 === 0)) stride--;
  return stride;
}

/** Which candidate each channel of a layer has. */
export class Mixture {
  private readonly candidates: readonly Candidate[];
  private readonly choice: Int32Array;
  /** Sum of the chosen profiles over the channels. */
  private readonly sum: Float64Array;
  private readonly timesteps: number;

  /** Starts with the one candidate for all channels that comes nearest to the wanted rates. */
  constructor(
    private readonly sample: CurrentSample,
    rule: NeuronRule,
    wanted: readonly number[],
  ) {
    const { channels, unit } = sample;
    this.timesteps = unit.length;
    const positions = (unit[0]?.length ?? 0) / channels;
    const stride = oddAndNotBy3(positions / Math.max(COARSE_POSITIONS, COARSE / channels));
    const target = mean(wanted);
    const centres = GAMMAS.map((gamma) => fitShift(sample, rule, uniformSetting(channels, gamma, 0), target, stride));
    const base = deviation(sample.base);
    this.candidates = centres.flatMap(({ gamma, beta }) =>
      (DEALT.has(gamma[0] ?? 0) ? BETAS : [0]).map((offset) => {
        const [g = 1, centre = 0] = [gamma[0], beta[0]];
        // The norm's own part has about deviation 1.
        const b = centre + offset * Math.max(rule.vTh, Math.sqrt(base ** 2 + g ** 2));
        return { gamma: g, beta: b, rates: channelRates(sample, rule, uniformSetting(channels, g, b), stride) };
      }),
    );
    const misses = centres.map((setting) => {
      const rates = sampleRates(sample, rule, setting, stride);
      // A gamma at which the mean cannot be met is worse than any at which it can.
      const off = Math.abs(mean(rates) - target);
      return squares(rates, wanted) + (off > 0.02 * target ? 1 + off : 0);
    });
    const nearest = centres[misses.indexOf(Math.min(...misses))];
    const start = this.candidates.findIndex(
      ({ gamma, beta }) => gamma === nearest?.gamma[0] && beta === nearest.beta[0],
    );
    this.choice = new Int32Array(channels).fill(start);
    this.sum = new Float64Array(this.timesteps);
    for (let c = 0; c < channels; c++) this.add(c, start, 1);
  }

  private add(channel: number, candidate: number, sign: 1 | -1): void {
    const { rates } = this.candidates[candidate]!;
    for (let t = 0; t < this.timesteps; t++) {
      this.sum[t] = this.sum[t]! + sign * rates[channel * this.timesteps + t]!;
    }
  }

  /** Deals anew, channel by channel, as long as that brings the sum of the profiles nearer to the wanted rates. */
  towards(wanted: readonly number[]): void {
    const { channels } = this.sample;
    // Neighbouring channels belong to one head, so the first ones to be changed are spread.
    const step = spreadStep(channels);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      let changed = false;
      for (let i = 0; i < channels; i++) {
        const channel = (i * step) % channels;
        const before = this.choice[channel]!;
        this.add(channel, before, -1);
        const after = this.nearest(channel, before, wanted);
        this.add(channel, after, 1);
        this.choice[channel] = after;
        changed ||= after !== before;
      }
      if (!changed) return;
    }
  }

  /** The candidate with which a channel, beside all others, brings the sum nearest; the present one where none is better. */
  private nearest(channel: number, present: number, wanted: readonly number[]): number {
    const { channels } = this.sample;
    const missing = wanted.map((rate, t) => rate * channels - this.sum[t]!);
    const distance = (candidate: number): number => {
      const { rates } = this.candidates[candidate]!;
      let sum = 0;
      for (let t = 0; t < missing.length; t++) sum += (missing[t]! - rates[channel * missing.length + t]!) ** 2;
      return sum;
    };
    let best = { candidate: present, distance: distance(present) * (1 - 1e-9) };
    for (let candidate = 0; candidate < this.candidates.length; candidate++) {
      const d = distance(candidate);
      if (d < best.distance) best = { candidate, distance: d };
    }
    return best.candidate;
  }

  get setting(): Setting {
    return {
      gamma: Float32Array.from(this.choice, (candidate) => this.candidates[candidate]!.gamma),
      beta: Float32Array.from(this.choice, (candidate) => this.candidates[candidate]!.beta),
    };
  }
}

/** A step near the golden section that visits all of `n` before it comes back. */
function spreadStep(n: number): number {
  const shared = (a: number, b: number): number => (b === 0 ? a : shared(b, a % b));
  let step = Math.max(1, Math.round(0.618 * n));
  while (shared(step, n) !== 1) step++;
  return step;
}
