import { channelsOf, type OpView } from "../../ir/index.js";

const f = Math.fround;

/** Currents of sampled neurons, [timesteps][neurons]: base + gamma * (unit + spread * offset of the channel) + beta. */
export interface CurrentSample {
  readonly base: readonly Float32Array[];
  readonly unit: readonly Float32Array[];
  readonly offset: Float32Array;
}

export interface Setting {
  readonly gamma: number;
  readonly beta: number;
  readonly spread: number;
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

/** Firing rates per timestep of sampled neurons, of every `stride`-th one. */
export function sampleRates(
  { base, unit, offset }: CurrentSample,
  rule: NeuronRule,
  { gamma, beta, spread }: Setting,
  stride = 1,
): number[] {
  const spikes = unit.map(() => 0);
  let neurons = 0;
  for (let i = 0; i < offset.length; i += stride) {
    neurons++;
    const shift = beta + spread * gamma * offset[i]!;
    let v = rule.v0;
    for (let t = 0; t < unit.length; t++) {
      const x = base[t]![i]! + gamma * unit[t]![i]! + shift;
      const d = x - (v - rule.vReset);
      const h = f(v + (rule.divide ? d / rule.k : d * rule.k));
      if (rule.ge ? h >= rule.vTh : h > rule.vTh) {
        spikes[t]!++;
        v = rule.hard ? rule.vReset : h - rule.vTh;
      } else v = h;
    }
  }
  return spikes.map((n) => n / Math.max(1, neurons));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);
}

const BISECTIONS = 40;

/** The beta for which the mean rate comes nearest to `wanted`: rates grow with beta, so it is bisected. */
export function fitBeta(
  sample: CurrentSample,
  rule: NeuronRule,
  { gamma, spread }: Omit<Setting, "beta">,
  wanted: number,
  stride = 1,
): Setting {
  const rateAt = (beta: number): number => mean(sampleRates(sample, rule, { gamma, beta, spread }, stride));
  let [lo, hi] = [-4, 4];
  while (rateAt(lo) > wanted && lo > -1e6) lo *= 4;
  while (rateAt(hi) < wanted && hi < 1e6) hi *= 4;
  let best = { beta: lo, error: Infinity };
  for (let i = 0; i < BISECTIONS && hi - lo > 1e-7; i++) {
    const beta = (lo + hi) / 2;
    const rate = rateAt(beta);
    const error = Math.abs(rate - wanted);
    if (error < best.error) best = { beta, error };
    if (error <= 1e-3 * wanted) break;
    if (rate < wanted) lo = beta;
    else hi = beta;
  }
  return { gamma, spread, beta: best.beta };
}

/** Neurons that the search for gamma looks at; beta is then fitted on the whole sample. */
const COARSE = 16_384;

/**
 * Gamma and beta: for each gamma the beta of the wanted mean rate; among those the gamma whose rates per timestep come nearest in
 * squares. Two numbers per layer cannot meet more than two rates in general.
 */
export function fitSetting(sample: CurrentSample, rule: NeuronRule, wanted: readonly number[]): Setting {
  const target = mean(wanted);
  const stride = coprimeStride(sample.offset.length);
  const known = new Map<number, number>();
  const error = (exponent: number): number => {
    const before = known.get(exponent);
    if (before !== undefined) return before;
    const setting = fitBeta(sample, rule, { gamma: 2 ** exponent, spread: 0 }, target, stride);
    const rates = sampleRates(sample, rule, setting, stride);
    const miss = Math.abs(mean(rates) - target);
    // A gamma at which the mean cannot be met is worse than any at which it can.
    const squares =
      rates.reduce((sum, r, t) => sum + (r - (wanted[t] ?? 0)) ** 2, 0) + (miss > 0.02 * target ? miss : 0);
    known.set(exponent, squares);
    return squares;
  };
  let best = 0;
  for (let exponent = -4; exponent <= 4; exponent++) if (error(exponent) < error(best)) best = exponent;
  for (const step of [0.5, 0.25, 0.125, 0.0625]) {
    for (const exponent of [best - step, best + step]) if (error(exponent) < error(best)) best = exponent;
  }
  return fitBeta(sample, rule, { gamma: 2 ** best, spread: 0 }, target);
}

/** A stride that leaves about {@link COARSE} neurons and is odd and no multiple of 3, so that it does not stay on few channels. */
function coprimeStride(neurons: number): number {
  let stride = Math.max(1, Math.floor(neurons / COARSE));
  while (stride > 1 && (stride % 2 === 0 || stride % 3 === 0)) stride++;
  return stride;
}
