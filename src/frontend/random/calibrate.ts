import { internalError, type Report } from "../../diagnostics/index.js";
import {
  channelsOf,
  positionsOf,
  realTensor,
  runOp,
  slotSize,
  toValue,
  valueTypes,
  viewOf,
  type Constant,
  type Net,
  type Op,
  type Slot,
  type Value,
  type ValueType,
} from "../../ir/index.js";
import { randomDiagnostics } from "./diagnostics.js";
import { fitShift, mean, neuronRule, type CurrentSample, type NeuronRule, type Setting } from "./fit.js";
import { Generator } from "./generator.js";
import { findControls, type Control, type Knob } from "./knobs.js";
import { Mixture } from "./mixture.js";
import type { WantedRates } from "./rates.js";

/** The rates of one layer. */
export interface LayerRates {
  readonly layer: string;
  /** Absent where the table has none. */
  readonly wanted?: readonly number[];
  /** Over all neurons of the layer, per timestep, as `evaluate` computes them on the calibration input. */
  readonly reached: readonly number[];
}

export interface Calibration {
  readonly net: Net;
  /** Constants that were set: the statistics of every batch norm, by tensor name. */
  readonly changed: ReadonlyMap<string, Float32Array>;
  readonly layers: readonly LayerRates[];
}

export interface CalibrationOptions {
  readonly seed: number;
  readonly wanted: WantedRates;
  /** Only layers with a batch norm of their own are held to their rates. */
  readonly ownOnly?: boolean;
  /** Largest deviation of the mean rate over time, as a fraction of the wanted one; never less than one spike. */
  readonly tolerance?: number;
}

export const DEFAULT_TOLERANCE = 0.02;

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

function ratesOf(spikes: Value): number[] {
  return spikes.map((slot) => {
    let n = 0;
    for (let i = 0; i < slot.length; i++) n += slot[i]!;
    return n / slot.length;
  });
}

/** The largest difference of two lists of rates. */
function furthest(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((rate, t) => Math.abs(rate - (b[t] ?? 0))));
}

/** Walks a net in its order, and sets every batch norm when the walk comes to the neuron that it feeds. */
class Calibrator {
  private readonly constants: Map<string, Constant>;
  private readonly types: ReadonlyMap<string, ValueType>;
  private readonly values = new Map<string, Value>();
  private readonly controls: ReadonlyMap<Op, Control>;
  private readonly fitted = new Map<Op, Fitted>();
  private readonly position: ReadonlyMap<Op, number>;
  /** Layers before a layer that is held to its rate through them: their channels have one gamma. */
  private readonly alike: ReadonlySet<Op>;
  readonly changed = new Map<string, Float32Array>();
  readonly layers: LayerRates[] = [];
  private readonly net: Net;

  constructor(
    source: Net,
    private readonly options: CalibrationOptions,
    private readonly report: Report,
  ) {
    this.constants = new Map(source.constants);
    this.net = { ...source, constants: this.constants };
    this.types = valueTypes(source);
    this.controls = findControls(source);
    this.alike = new Set(
      [...this.controls].flatMap(([op, control]) =>
        control.kind === "through" && options.ownOnly !== true && options.wanted.has(op.layer?.name ?? "")
          ? control.neurons
          : [],
      ),
    );
    this.position = new Map(source.ops.map((op, i) => [op, i]));
  }

  run(inputs: ReadonlyMap<string, Value>): Calibration {
    for (const [name, value] of inputs) this.values.set(name, value);
    const lastUse = this.lastUses();
    for (const [index, op] of this.net.ops.entries()) {
      if (op.name === "norm.batch") this.standardise(op);
      this.compute(op);
      if (op.layer !== undefined) this.layer(op, op.layer.name);
      for (const name of lastUse.get(index) ?? []) this.values.delete(name);
    }
    this.check();
    if (this.options.ownOnly !== true && !this.report.failed) this.checkProfiles();
    return { net: this.net, changed: this.changed, layers: this.layers };
  }

  private compute(op: Op): void {
    runOp(this.net, op, this.types, this.values);
  }

  /** Values by the op after which they are needed no more: their last reader, or the neuron that sets the reader anew. */
  private lastUses(): ReadonlyMap<number, readonly string[]> {
    const until = new Map<string, number>();
    const use = (name: string, index: number): void => void until.set(name, Math.max(until.get(name) ?? 0, index));
    for (const [index, op] of this.net.ops.entries()) {
      use(op.result, index);
      for (const name of op.operands) use(name, index);
      const control = this.controls.get(op);
      if (control === undefined) continue;
      const knobs = control.kind === "own" ? [control.knob.norm] : control.neurons.flatMap((n) => this.normOf(n) ?? []);
      for (const norm of knobs) {
        for (let i = this.position.get(norm) ?? index; i <= index; i++) {
          const between = this.net.ops[i];
          if (between === undefined) continue;
          for (const name of [between.result, ...between.operands]) use(name, index);
        }
      }
    }
    const ends = new Map<number, string[]>();
    for (const [name, index] of until) ends.set(index, [...(ends.get(index) ?? []), name]);
    return ends;
  }

  private normOf(neuron: Op): Op | undefined {
    const control = this.controls.get(neuron);
    return control?.kind === "own" ? control.knob.norm : undefined;
  }

  private set(norm: Op, part: number, data: Float32Array): void {
    const name = norm.symbols[part] ?? "";
    this.constants.set(name, realTensor([data.length], data));
    this.changed.set(name, data);
  }

  /** Running mean and variance become those of the sample, gamma 1, beta 0. */
  private standardise(norm: Op): void {
    const [operand = ""] = norm.operands;
    const value = this.values.get(operand) ?? [];
    const channels = channelsOf(norm.type);
    const [sum, squares] = [new Float64Array(channels), new Float64Array(channels)];
    let n = 0;
    for (const slot of value) {
      n += slot.length / channels;
      for (let i = 0, c = 0; i < slot.length; i++) {
        const x = slot[i]!;
        sum[c] = sum[c]! + x;
        squares[c] = squares[c]! + x * x;
        if (++c === channels) c = 0;
      }
    }
    const averages = sum.map((s) => s / n);
    this.set(norm, 0, new Float32Array(channels).fill(1));
    this.set(norm, 1, new Float32Array(channels));
    this.set(norm, 2, Float32Array.from(averages));
    this.set(
      norm,
      3,
      Float32Array.from(squares, (s, c) => Math.max(0, s / n - averages[c]! ** 2)),
    );
  }

  private layer(op: Op, name: string): void {
    const wanted = this.options.wanted.get(name);
    const control = this.controls.get(op);
    const held = wanted !== undefined && (control?.kind === "own" || this.options.ownOnly !== true);
    if (held && control?.kind === "own") this.fit(op, control.knob, wanted);
    else if (held && control?.kind === "through") this.fitThrough(op, control.neurons, wanted);
    const reached = ratesOf(this.values.get(op.result) ?? []);
    this.layers.push({ layer: name, reached, ...(held ? { wanted } : {}) });
    // The rates of layers before it move with this one.
    if (control?.kind === "through" && held) this.refresh(control.neurons);
  }

  private refresh(neurons: readonly Op[]): void {
    for (const neuron of neurons) {
      const index = this.layers.findIndex(({ layer }) => layer === neuron.layer?.name);
      const row = this.layers[index];
      const value = this.values.get(neuron.result);
      if (row !== undefined && value !== undefined) this.layers[index] = { ...row, reached: ratesOf(value) };
    }
  }

  /** Reports every layer whose mean rate is further from the wanted one than allowed, or than one spike. */
  private check(): void {
    const neurons = new Map(this.net.ops.map((op) => [op.layer?.name, op]));
    for (const { layer, wanted, reached } of this.layers) {
      const op = neurons.get(layer);
      if (wanted === undefined || op === undefined) continue;
      const [want, got] = [mean(wanted), mean(reached)];
      const spike = 1 / (slotSize(op.type) * reached.length);
      if (Math.abs(want - got) <= Math.max(this.tolerance * want, 1.001 * spike)) continue;
      const control = this.controls.get(op);
      const through = control?.kind === "through" && control.neurons.some((neuron) => this.fitted.has(neuron));
      const why =
        control?.kind === "own"
          ? "by its batch norm"
          : through
            ? "through the layers before it, which keep their own rates"
            : "without a batch norm of its own, and with no layer before it in the table";
      const hint = `the nearest rate is ${got.toPrecision(4)}; want that, leave the layer out of the table, or allow more with --rates-tolerance`;
      const message = `layer \`${layer}\` cannot reach the mean rate ${want.toPrecision(4)} ${why}`;
      this.report.add(randomDiagnostics.make("rate", message, { hint }));
    }
  }

  /** Says once which layers have other rates at single timesteps than wanted, with the rates that they have. */
  private checkProfiles(): void {
    const sizes = new Map(this.net.ops.map((op) => [op.layer?.name, slotSize(op.type)]));
    const held = this.layers.flatMap(({ layer, wanted, reached }) => {
      if (wanted === undefined) return [];
      const spike = 1 / (sizes.get(layer) ?? 1);
      const allowed = Math.max(this.tolerance * mean(wanted), 1.001 * spike);
      return [{ layer, wanted, reached, off: furthest(reached, wanted), allowed }];
    });
    const missed = held.filter(({ off, allowed }) => off > allowed).sort((a, b) => b.off - a.off);
    const [worst] = missed;
    if (worst === undefined) return;
    const show = (rates: readonly number[]): string => rates.map((rate) => rate.toFixed(4)).join(" ");
    const notes = missed.map(({ layer, wanted, reached }) => ({
      message: `\`${layer}\` wanted ${show(wanted)}, nearest ${show(reached)}`,
    }));
    const message = `${missed.length} of ${held.length} layers cannot reach their rates at single timesteps; the furthest is \`${worst.layer}\`, off by ${worst.off.toFixed(4)}`;
    const hint = "want the nearest rates, or allow more with --rates-tolerance";
    this.report.add(randomDiagnostics.make("profile", message, { notes, hint }));
  }

  private get tolerance(): number {
    return this.options.tolerance ?? DEFAULT_TOLERANCE;
  }

  /** Sets gamma and beta of a layer's own batch norm. */
  private fit(neuron: Op, knob: Knob, wanted: readonly number[]): void {
    const rule = neuronRule(viewOf(this.net, neuron, this.types));
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
    const near = (this.tolerance * mean(wanted)) / 2;
    let aim = wanted;
    let best = { setting: fitted.setting, miss: Infinity };
    for (let i = 0; i <= CORRECTIONS && best.miss > near; i++) {
      mixture.towards(aim);
      fitted.setting = mixture.setting;
      this.apply(fitted);
      const rates = ratesOf(this.values.get(neuron.result) ?? []);
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
      const rate = mean(ratesOf(this.values.get(neuron.result) ?? []));
      if (rate === 0 || Math.abs(rate - target) <= (this.tolerance * target) / 4) return;
      aim = Math.min(1, (aim * target) / rate);
      fitted.setting = fitShift(sample, rule, setting, aim);
      this.apply(fitted);
    }
  }

  /** The current of a neuron as base + gamma * unit: `unit` is the standardised norm carried along the path. */
  private sample(neuron: Op, { norm, path }: Knob): CurrentSample {
    const carried = new Map(this.values);
    const types = new Map(this.types);
    let unit = norm.result;
    let hasBase = false;
    for (const op of path) {
      if (op.name === "stream.add") hasBase = true;
      else {
        // Linear up to here, so the op on the unit is the unit of the op.
        const alone = { ...op, operands: [unit], result: `unit of ${op.result}` };
        runOp(this.net, alone, types, carried);
        types.set(alone.result, op.type);
        unit = alone.result;
      }
    }
    const [operand = ""] = neuron.operands;
    const type = this.types.get(operand) ?? neuron.type;
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
      const current = pick(slotAt(this.values.get(operand) ?? [], type, t));
      units.push(picked);
      bases.push(hasBase ? current.map((x, i) => x - picked[i]!) : new Float32Array(picked.length));
    }
    return { base: bases, unit: units, channels };
  }

  /** Puts a setting into the constants, and computes anew what depends on them up to the layer. */
  private apply({ neuron, knob: { norm, path }, setting: { gamma, beta } }: Fitted): void {
    this.set(norm, 0, gamma);
    this.set(norm, 1, beta);
    for (const op of [norm, ...path, neuron]) this.compute(op);
  }

  /**
   * A layer without a batch norm, such as the neurons behind attention: the layers it depends on keep their mean rates, but the
   * channels of the first two of them, which attention multiplies channel by channel, are spread apart: the same ones fire more in
   * both, the others less. The spread is searched on a grid and bisected. Channels that were dealt different gammas would not fire
   * together, so these layers have one gamma and one beta apart from the spread: their rates per timestep are not chosen.
   */
  private fitThrough(neuron: Op, before: readonly Op[], wanted: readonly number[]): void {
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
      for (const op of dependents) this.compute(op);
      return mean(ratesOf(this.values.get(neuron.result) ?? []));
    };
    let lo = { spread: 0, rate: mean(ratesOf(this.values.get(neuron.result) ?? [])) };
    let best = lo;
    let hi: typeof lo | undefined;
    const near = (rate: number): boolean => Math.abs(rate - target) <= (this.tolerance * target) / 4;
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
    const first = Math.min(...layers.map(({ neuron }) => this.position.get(neuron) ?? 0));
    const found: Op[] = [];
    for (const op of this.net.ops.slice(first + 1, (this.position.get(end) ?? 0) + 1)) {
      if (reached.has(op.result) || !op.operands.some((name) => reached.has(name))) continue;
      reached.add(op.result);
      found.push(op);
    }
    return found;
  }
}

/**
 * Sets the batch norms of a net so that its neuron layers fire at the wanted rates on one input. The walk is the whole net at its
 * full size; only the search for the numbers of a layer looks at part of it. Faults: `random/rate`.
 */
export function calibrate(
  net: Net,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
  options: CalibrationOptions,
  report: Report,
): Calibration {
  const values = new Map(net.inputs.map(({ name, type }) => [name, toValue(type, inputs.get(name) ?? [])]));
  return new Calibrator(net, options, report).run(values);
}
