import { channelsOf, type OpView } from "../../ir/index.js";

const f = Math.fround;

/** Currents of sampled neurons, [timesteps][positions x channels]: base + gamma * unit + beta, gamma and beta of the channel. */
export interface CurrentSample {
  readonly base: readonly Float32Array[];
  readonly unit: readonly Float32Array[];
  readonly channels: number;
}

/** Gamma and beta of each channel. */
export interface Setting {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
}

/** A leaky neuron on real currents with one threshold: what `neuron.lif` computes, for the search. */
export interface NeuronRule {
  readonly divide: boolean;
  readonly k: number;
  readonly vTh: number;
  readonly v0: number;
  readonly vReset: number;
  readonly ge: boolean;
  readonly hard: boolean;
}

/** The rule of a neuron op, or nothing where it is of another kind. */
export function neuronRule(view: OpView): NeuronRule | undefined {
  const charge = view.call("charge");
  const simple = charge.name === "divide" || charge.name === "multiply";
  if (!simple || view.op.attrs["k"] !== undefined || view.operand(0).number.kind !== "real") return undefined;
  const thresholds = view.perChannel("v_th", channelsOf(view.operand(0)));
  const [vTh = 1] = thresholds;
  if (thresholds.some((v) => v !== vTh)) return undefined;
  return {
    divide: charge.name === "divide",
    k: f(charge.args[0] ?? 2),
    vTh,
    v0: view.number("v0"),
    vReset: view.number("v_reset"),
    ge: view.word("fire") === "ge",
    hard: view.word("reset") === "hard",
  };
}

export function uniformSetting(channels: number, gamma: number, beta: number): Setting {
  return { gamma: new Float32Array(channels).fill(gamma), beta: new Float32Array(channels).fill(beta) };
}

/** Firing rates of each channel, [channel x timesteps], over every `stride`-th of the sampled positions. */
export function channelRates(
  { base, unit, channels }: CurrentSample,
  rule: NeuronRule,
  { gamma, beta }: Setting,
  stride = 1,
): Float64Array {
  const timesteps = unit.length;
  const spikes = new Float64Array(channels * timesteps);
  const potential = new Float32Array(channels);
  const { divide, k, vTh, vReset, ge, hard } = rule;
  const neurons = unit[0]?.length ?? 0;
  let positions = 0;
  for (let from = 0; from < neurons; from += stride * channels) {
    positions++;
    potential.fill(rule.v0);
    for (let t = 0; t < timesteps; t++) {
      const [bases, units] = [base[t]!, unit[t]!];
      for (let c = 0; c < channels; c++) {
        const v = potential[c]!;
        const d = bases[from + c]! + gamma[c]! * units[from + c]! + beta[c]! - (v - vReset);
        const h = f(v + (divide ? d / k : d * k));
        const fires = ge ? h >= vTh : h > vTh;
        if (fires) spikes[c * timesteps + t]!++;
        potential[c] = fires ? (hard ? vReset : h - vTh) : h;
      }
    }
  }
  return spikes.map((n) => n / Math.max(1, positions));
}

/** Firing rates per timestep of all sampled neurons. */
export function sampleRates(sample: CurrentSample, rule: NeuronRule, setting: Setting, stride = 1): number[] {
  const byChannel = channelRates(sample, rule, setting, stride);
  const timesteps = sample.unit.length;
  const sums = Array.from({ length: timesteps }, () => 0);
  for (let i = 0; i < byChannel.length; i++) sums[i % timesteps]! += byChannel[i]!;
  return sums.map((sum) => sum / sample.channels);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);
}

const BISECTIONS = 40;

/** The setting with one number added to every beta, for the mean rate nearest to `wanted`: rates grow with beta, so it is bisected. */
export function fitShift(
  sample: CurrentSample,
  rule: NeuronRule,
  { gamma, beta }: Setting,
  wanted: number,
  stride = 1,
): Setting {
  const shifted = (by: number): Setting => ({ gamma, beta: beta.map((b) => b + by) });
  const rateAt = (by: number): number => mean(sampleRates(sample, rule, shifted(by), stride));
  let [lo, hi] = [-0.25, 0.25];
  while (rateAt(lo) > wanted && lo > -1e6) lo *= 4;
  while (rateAt(hi) < wanted && hi < 1e6) hi *= 4;
  let best = { by: lo, error: Infinity };
  for (let i = 0; i < BISECTIONS && hi - lo > 1e-7; i++) {
    const by = (lo + hi) / 2;
    const rate = rateAt(by);
    const error = Math.abs(rate - wanted);
    if (error < best.error) best = { by, error };
    if (error <= 1e-3 * wanted) break;
    if (rate < wanted) lo = by;
    else hi = by;
  }
  return shifted(best.by);
}
