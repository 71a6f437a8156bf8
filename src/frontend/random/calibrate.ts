import type { Report } from "../../diagnostics/index.js";
import { channelsOf, slotSize, toValue, type Net, type Op, type Value } from "../../ir/index.js";
import { randomDiagnostics } from "./diagnostics.js";
import { mean } from "./fit.js";
import { findControls, type Control } from "./knobs.js";
import type { WantedRates } from "./rates.js";
import { RunningNet } from "./running-net.js";
import { furthest, LayerSearch } from "./search.js";

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
  /** Called behind each op of the net, in its order. */
  readonly onOp?: () => void;
}

export const DEFAULT_TOLERANCE = 0.02;

/** Walks a net in its order, and sets every batch norm when the walk comes to the neuron that it feeds. */
class Calibrator {
  private readonly running: RunningNet;
  private readonly search: LayerSearch;
  private readonly controls: ReadonlyMap<Op, Control>;
  private readonly tolerance: number;
  private readonly layers: LayerRates[] = [];

  constructor(
    source: Net,
    private readonly options: CalibrationOptions,
    private readonly report: Report,
  ) {
    this.running = new RunningNet(source);
    this.tolerance = options.tolerance ?? DEFAULT_TOLERANCE;
    this.controls = findControls(source);
    const alike = new Set(
      [...this.controls].flatMap(([op, control]) =>
        control.kind === "through" && options.ownOnly !== true && options.wanted.has(op.layer?.name ?? "")
          ? control.neurons
          : [],
      ),
    );
    this.search = new LayerSearch(this.running, { seed: options.seed, tolerance: this.tolerance }, alike);
  }

  run(inputs: ReadonlyMap<string, Value>): Calibration {
    for (const [name, value] of inputs) this.running.values.set(name, value);
    const lastUse = this.lastUses();
    for (const [index, op] of this.running.net.ops.entries()) {
      if (op.name === "norm.batch") this.standardise(op);
      this.running.compute(op);
      if (op.layer !== undefined) this.layer(op, op.layer.name);
      for (const name of lastUse.get(index) ?? []) this.running.values.delete(name);
      this.options.onOp?.();
    }
    this.check();
    if (this.options.ownOnly !== true && !this.report.failed) this.checkProfiles();
    return { net: this.running.net, changed: this.running.changed, layers: this.layers };
  }

  /** Values by the op after which they are needed no more: their last reader, or the neuron that sets the reader anew. */
  private lastUses(): ReadonlyMap<number, readonly string[]> {
    const until = new Map<string, number>();
    const use = (name: string, index: number): void => void until.set(name, Math.max(until.get(name) ?? 0, index));
    for (const [index, op] of this.running.net.ops.entries()) {
      use(op.result, index);
      for (const name of op.operands) use(name, index);
      const control = this.controls.get(op);
      if (control === undefined) continue;
      const knobs = control.kind === "own" ? [control.knob.norm] : control.neurons.flatMap((n) => this.normOf(n) ?? []);
      for (const norm of knobs) {
        for (let i = this.running.positionOf(norm); i <= index; i++) {
          const between = this.running.net.ops[i];
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

  /** Running mean and variance become those of the sample, gamma 1, beta 0. */
  private standardise(norm: Op): void {
    const [operand = ""] = norm.operands;
    const value = this.running.values.get(operand) ?? [];
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
    this.running.set(norm, 0, new Float32Array(channels).fill(1));
    this.running.set(norm, 1, new Float32Array(channels));
    this.running.set(norm, 2, Float32Array.from(averages));
    this.running.set(
      norm,
      3,
      Float32Array.from(squares, (s, c) => Math.max(0, s / n - averages[c]! ** 2)),
    );
  }

  private layer(op: Op, name: string): void {
    const wanted = this.options.wanted.get(name);
    const control = this.controls.get(op);
    const held = wanted !== undefined && (control?.kind === "own" || this.options.ownOnly !== true);
    if (held && control?.kind === "own") this.search.fit(op, control.knob, wanted);
    else if (held && control?.kind === "through") this.search.fitThrough(op, control.neurons, wanted);
    const reached = this.running.ratesOf(op);
    this.layers.push({ layer: name, reached, ...(held ? { wanted } : {}) });
    // The rates of layers before it move with this one.
    if (control?.kind === "through" && held) this.refresh(control.neurons);
  }

  private refresh(neurons: readonly Op[]): void {
    for (const neuron of neurons) {
      const index = this.layers.findIndex(({ layer }) => layer === neuron.layer?.name);
      const row = this.layers[index];
      if (row === undefined || !this.running.values.has(neuron.result)) continue;
      this.layers[index] = { ...row, reached: this.running.ratesOf(neuron) };
    }
  }

  /** Reports every layer whose mean rate is further from the wanted one than allowed, or than one spike. */
  private check(): void {
    const neurons = new Map(this.running.net.ops.map((op) => [op.layer?.name, op]));
    for (const { layer, wanted, reached } of this.layers) {
      const op = neurons.get(layer);
      if (wanted === undefined || op === undefined) continue;
      const [want, got] = [mean(wanted), mean(reached)];
      const spike = 1 / (slotSize(op.type) * reached.length);
      if (Math.abs(want - got) <= Math.max(this.tolerance * want, 1.001 * spike)) continue;
      const control = this.controls.get(op);
      const through = control?.kind === "through" && control.neurons.some((neuron) => this.search.hasFitted(neuron));
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
    const sizes = new Map(this.running.net.ops.map((op) => [op.layer?.name, slotSize(op.type)]));
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
