import { internalError } from "../../diagnostics/index.js";
import {
  channelsOf,
  positionsOf,
  runOp,
  viewOf,
  type Op,
  type Slot,
  type Value,
  type ValueType,
} from "../../ir/index.js";
import { fitShift, mean, neuronRule, type CurrentSample, type NeuronRule, type Setting } from "./fit.js";
import { Generator } from "./generator.js";
import type { Knob } from "./knobs.js";
import { Mixture } from "./mixture.js";
import type { RunningNet } from "./running-net.js";

/** Elements of a layer that the search looks at; whole positions, evenly spaced. */
const SAMPLE = 2 ** 19;
const CORRECTIONS = 4;
/** In units of gamma. */
const SPREADS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;
const SPREAD_BISECTIONS = 10;

/** What is remembered of a layer whose batch norm was set, so that it can be set anew. */
interface Fitted {
  readonly neuron: Op;
  readonly knob: Knob;
  readonly rule: NeuronRule;
  readonly sample: CurrentSample;
  readonly wanted: readonly number[];
  setting: Setting;
}

/** A slot of a value at a timestep; values may hold for several. */
function slotAt(value: Value, type: ValueType, t: number): Slot {
  const slot = value[Math.floor(t / type.time.period)];
  if (slot === undefined) throw internalError("a value is not there");
  return slot;
}

/** The largest difference of two lists of rates. */
export function furthest(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((rate, t) => Math.abs(rate - (b[t] ?? 0))));
}

/** Searches gamma and beta of batch norms such that layers fire at the wanted rates. */
export class LayerSearch {
  private readonly fitted = new Map<Op, Fitted>();

  constructor(
    private readonly running: RunningNet,
    private readonly options: { readonly seed: number; readonly tolerance: number },
    /** Layers before a layer that is held to its rate through them: their channels have one gamma. */
    private readonly alike: ReadonlySet<Op>,
  ) {}

  /** Whether the batch norm of a neuron op was set. */
  hasFitted(neuron: Op): boolean {
    return this.fitted.has(neuron);
  }

  /** Sets gamma and beta of a layer's own batch norm. */
  fit(neuron: Op, knob: Knob, wanted: readonly number[]): void {
    const rule = neuronRule(viewOf(this.running.net, neuron, this.running.types));
    if (rule === undefined) return;
    const sample = this.sample(neuron, knob);
    const mixture = new Mixture(sample, rule, wanted);
    const fitted = { neuron, knob, rule, sample, wanted, setting: mixture.setting };
    this.fitted.set(neuron, fitted);
    if (this.alike.has(neuron)) this.apply(fitted);
    else this.fitProfile(fitted, mixture);
    this.fitMean(fitted);
  }

  /** Deals candidates to channels. They are measured on part of the layer, so its rates may differ: aim beside the target. */
  private fitProfile(fitted: Fitted, mixture: Mixture): void {
    const { wanted, neuron } = fitted;
    const near = (this.options.tolerance * mean(wanted)) / 2;
    let aim = wanted;
    let best = { setting: fitted.setting, miss: Infinity };
    for (let i = 0; i <= CORRECTIONS && best.miss > near; i++) {
      mixture.towards(aim);
      fitted.setting = mixture.setting;
      this.apply(fitted);
      const rates = this.running.ratesOf(neuron);
      const miss = furthest(rates, wanted);
      if (miss < best.miss) best = { setting: fitted.setting, miss };
      aim = aim.map((a, t) => a + (wanted[t] ?? 0) - (rates[t] ?? 0));
    }
    if (fitted.setting === best.setting) return;
    fitted.setting = best.setting;
    this.apply(fitted);
  }

  /** Moves all betas together until the mean over time is met; where profiles are out of reach, the mean still is not. */
  private fitMean(fitted: Fitted): void {
    const { sample, rule, setting, neuron } = fitted;
    const target = mean(fitted.wanted);
    let aim = target;
    for (let i = 0; i < CORRECTIONS; i++) {
      const rate = mean(this.running.ratesOf(neuron));
      if (rate === 0 || Math.abs(rate - target) <= (this.options.tolerance * target) / 4) return;
      aim = Math.min(1, (aim * target) / rate);
      fitted.setting = fitShift(sample, rule, setting, aim);
      this.apply(fitted);
    }
  }

  /** The current of a neuron as base + gamma * unit: `unit` is the standardised norm carried along the path. */
  private sample(neuron: Op, { norm, path }: Knob): CurrentSample {
    const carried = new Map(this.running.values);
    const types = new Map(this.running.types);
    let unit = norm.result;
    let hasBase = false;
    for (const op of path) {
      if (op.name === "stream.add") hasBase = true;
      else {
        // Linear up to here, so the op on the unit is the unit of the op.
        const alone = { ...op, operands: [unit], result: `unit of ${op.result}` };
        runOp(this.running.net, alone, types, carried);
        types.set(alone.result, op.type);
        unit = alone.result;
      }
    }
    const [operand = ""] = neuron.operands;
    const type = this.running.types.get(operand) ?? neuron.type;
    const channels = channelsOf(type);
    const positions = positionsOf(type);
    const taken = Math.min(positions, Math.max(1, Math.floor(SAMPLE / channels)));
    const timesteps = neuron.type.time.count;
    const unitType = types.get(unit) ?? norm.type;
    const pick = (slot: Slot): Float32Array => {
      const picked = new Float32Array(taken * channels);
      for (let p = 0; p < taken; p++) {
        const from = Math.floor((p * positions) / taken) * channels;
        for (let c = 0; c < channels; c++) picked[p * channels + c] = slot[from + c]!;
      }
      return picked;
    };
    const units: Float32Array[] = [];
    const bases: Float32Array[] = [];
    for (let t = 0; t < timesteps; t++) {
      const picked = pick(slotAt(carried.get(unit) ?? [], unitType, t));
      const current = pick(slotAt(this.running.values.get(operand) ?? [], type, t));
      units.push(picked);
      bases.push(hasBase ? current.map((x, i) => x - picked[i]!) : new Float32Array(picked.length));
    }
    return { base: bases, unit: units, channels };
  }

  /** Puts a setting into the constants, and computes anew what depends on them up to the layer. */
  private apply({ neuron, knob: { norm, path }, setting: { gamma, beta } }: Fitted): void {
    this.running.set(norm, 0, gamma);
    this.running.set(norm, 1, beta);
    for (const op of [norm, ...path, neuron]) this.running.compute(op);
  }

  /**
   * A layer without a batch norm, such as the neurons behind attention: the layers it depends on keep their mean rates, but the
   * channels of the first two of them, which attention multiplies channel by channel, are spread apart: the same ones fire more in
   * both, the others less. The spread is searched on a grid and bisected. Channels that were dealt different gammas would not fire
   * together, so these layers have one gamma and one beta apart from the spread: their rates per timestep are not chosen.
   */
  fitThrough(neuron: Op, before: readonly Op[], wanted: readonly number[]): void {
    const layers = before.flatMap((op) => this.fitted.get(op) ?? []).slice(0, 2);
    const [leader] = layers;
    if (leader === undefined) return;
    const offsets = layers.map(({ knob: { norm } }) => {
      const random = new Generator(this.options.seed, `spread ${leader.knob.norm.symbols[1] ?? ""}`);
      return Float32Array.from({ length: channelsOf(norm.type) }, () => random.normal());
    });
    const dependents = this.dependents(layers, neuron);
    const target = mean(wanted);
    const settings = layers.map(({ setting }) => setting);
    const rateAt = (spread: number): number => {
      for (const [i, layer] of layers.entries()) {
        const { sample, rule, wanted: own } = layer;
        const { gamma, beta } = settings[i]!;
        const apart = { gamma, beta: beta.map((b, c) => b + spread * gamma[c]! * offsets[i]![c]!) };
        layer.setting = spread === 0 ? apart : fitShift(sample, rule, apart, mean(own));
        this.apply(layer);
      }
      for (const op of dependents) this.running.compute(op);
      return mean(this.running.ratesOf(neuron));
    };
    let lo = { spread: 0, rate: mean(this.running.ratesOf(neuron)) };
    let best = lo;
    let hi: typeof lo | undefined;
    const near = (rate: number): boolean => Math.abs(rate - target) <= (this.options.tolerance * target) / 4;
    const note = (point: typeof lo): void => {
      if (Math.abs(point.rate - target) < Math.abs(best.rate - target)) best = point;
    };
    if (near(lo.rate)) return;
    for (const spread of SPREADS) {
      const point = { spread, rate: rateAt(spread) };
      note(point);
      if (point.rate < target !== lo.rate < target) {
        hi = point;
        break;
      }
      lo = point;
    }
    for (let i = 0; hi !== undefined && i < SPREAD_BISECTIONS && !near(best.rate); i++) {
      const spread = (lo.spread + hi.spread) / 2;
      const point = { spread, rate: rateAt(spread) };
      note(point);
      if (point.rate < target === lo.rate < target) lo = point;
      else hi = point;
    }
    rateAt(best.spread);
  }

  /** Ops after the given layers, up to and with `end`, that depend on them. */
  private dependents(layers: readonly Fitted[], end: Op): readonly Op[] {
    const reached = new Set(layers.map(({ neuron }) => neuron.result));
    const first = Math.min(...layers.map(({ neuron }) => this.running.positionOf(neuron)));
    const found: Op[] = [];
    for (const op of this.running.net.ops.slice(first + 1, this.running.positionOf(end) + 1)) {
      if (reached.has(op.result) || !op.operands.some((name) => reached.has(name))) continue;
      reached.add(op.result);
      found.push(op);
    }
    return found;
  }
}
