import { evaluate, valueTypes, type Net, type Op } from "../ir/index.js";
import { calibrationProblem, type Calibration } from "./calibration.js";
import { INTEGERS_ONLY, NO_BATCHNORM } from "./facts.js";
import { definePass, type PassContext, type PassTable } from "./pass.js";
import { planStreams, realBounds, type QuantizePlan, type Stream } from "./quantize-plan.js";
import { compareNets, comparisonTables } from "./quantize-report.js";
import {
  NotQuantizable,
  rewriteToIntegers,
  type QuantizedOp,
  type RewriteSettings,
  type Rewritten,
} from "./quantize-rewrite.js";

/** Streams are given this much more than what calibration saw. */
const HEADROOM = 1.25;

/**
 * Largest magnitude of inputs about which nothing is known: normalised pictures (mean 0, deviation 1) of the usual data sets stay
 * within 3. The default of input-bits has room for it: it leaves 9 bits to inputs that use an eighth of the range.
 */
const ASSUMED_RANGE = 4;

function warnOfRange(context: PassContext, input: string): void {
  const message = `the range of input \`${input}\` is not known; ${ASSUMED_RANGE} is assumed, values beyond +-${ASSUMED_RANGE} saturate`;
  const hint = "measure it with --calibrate, or say it with quantize{input-range=...}";
  context.complain("assumed-range", message, { hint });
}

/** Largest magnitude of every real value, inputs included, on the calibration inputs. */
function observe(net: Net, { samples }: Calibration): ReadonlyMap<string, number> {
  const largest = new Map<string, number>();
  const see = (name: string, data: ArrayLike<number>): void => {
    let most = largest.get(name) ?? 0;
    for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]!));
    largest.set(name, most);
  };
  for (const sample of samples) {
    for (const { name } of net.inputs) see(name, sample.get(name) ?? []);
    evaluate(net, sample, {
      intercept: (op, slot) => {
        if (op.type.number.kind === "real") see(op.result, slot);
        return slot;
      },
    });
  }
  return largest;
}

function located(op: Op) {
  return op.origin === undefined ? undefined : ({ kind: "file", file: op.origin } as const);
}

function refuse(context: PassContext, ops: readonly [Op, ...Op[]], reason: string, hint?: string): void {
  const [first, ...others] = ops;
  const name = first.layer?.name ?? `%${first.result}`;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const message = `\`${name}\`${more} (${first.name}) cannot be quantised: ${reason}`;
  context.complain("not-integer", message, { hint, location: located(first) });
}

/** Says once per kind of op why a net has no integers, and names the first of each. */
function refuseAll(context: PassContext, refusals: QuantizePlan["refusals"]): void {
  const said = new Set<string>();
  for (const { op, reason, hint } of refusals) {
    if (said.has(op.name)) continue;
    said.add(op.name);
    const others = refusals.filter((other) => other.op.name === op.name && other.op !== op);
    refuse(context, [op, ...others.map((other) => other.op)], reason, hint);
  }
}

/** The smallest power of two in whose units `bound` fits `bits`. */
function unitFor(bound: number, bits: number): number {
  const most = 2 ** (bits - 1) - 1;
  return bound === 0 ? 0 : Math.max(-64, Math.min(64, Math.ceil(Math.log2(bound / most))));
}

/** Rewrites; where rounding took a stream beyond its bits, with the next larger unit. */
function rewrite(net: Net, settings: Omit<RewriteSettings, "streamUnit">, streams: StreamSettings): Rewritten {
  const { plan, bits, saturate } = streams;
  const units = new Map<Stream, number>();
  const streamUnit = (stream: Stream) => {
    const exp = units.get(stream) ?? unitFor(streams.boundOf(stream), bits);
    units.set(stream, exp);
    return { exp, bits: saturate ? bits : 32 };
  };
  for (;;) {
    const rewritten = rewriteToIntegers(net, plan, { ...settings, streamUnit });
    const types = valueTypes(rewritten.net);
    const wide = [...units].find(([stream, exp]) =>
      stream.values.some((name) => {
        const number = types.get(name)?.number;
        // What is added to an input of a finer unit has that unit, and a larger unit of the stream narrows it no more.
        return number?.kind === "int" && number.exp === exp && Math.max(-number.lo, number.hi) >= 2 ** (bits - 1);
      }),
    );
    if (wide === undefined || saturate || wide[1] >= 64) return rewritten;
    units.set(wide[0], wide[1] + 1);
  }
}

interface StreamSettings {
  readonly plan: ReturnType<typeof planStreams>;
  readonly bits: number;
  readonly saturate: boolean;
  readonly boundOf: (stream: Stream) => number;
}

function opTable(ops: readonly QuantizedOp[]): PassTable {
  return {
    title: "quantised ops",
    header: ["op", "integers", "weights saturated", "state"],
    rows: ops.map((op) => [
      op.name,
      op.detail,
      op.kind === "weights" ? `${op.saturated} of ${op.total}` : "",
      op.kind === "weights" ? "" : op.fits ? "never saturates" : "may saturate",
    ]),
  };
}

function countOps(context: PassContext, ops: readonly QuantizedOp[], attentions: number): void {
  const of = (kind: QuantizedOp["kind"]): readonly QuantizedOp[] => ops.filter((op) => op.kind === kind);
  context.count("weights-quantized", of("weights").length);
  context.count(
    "weights-saturated",
    ops.reduce((sum, op) => sum + op.saturated, 0),
  );
  context.count("neurons-quantized", of("neuron").length);
  context.count("neurons-truncated", of("neuron").filter((op) => !op.exact).length);
  context.count("states-limited", of("neuron").filter((op) => !op.fits).length);
  context.count(
    "thresholds-clamped",
    ops.reduce((sum, op) => sum + op.clamped, 0),
  );
  context.count(
    "thresholds-moved",
    ops.reduce((sum, op) => sum + op.moved, 0),
  );
  context.count("attentions-lowered", attentions);
}

export const quantize = definePass({
  name: "quantize",
  summary: "a real net into integers: weights of few bits, integer potentials, fixed-point streams",
  description: `After it a net computes in integers alone; the borders are to-int at the inputs and to-real at the outputs.
Weights. m = round-half-even(w / s), clipped at +-(2^(bits-1) - 1); the bias is an integer of the same unit s. The sums are exact.
  A weighted op that only neurons read (directly, through max-pools or means) has a unit of its own, any real number, per channel
  or per tensor. A neuron with a homogeneous charge does not see it: potentials scale with currents, so v_th / s is the threshold.
  A weighted op that writes a stream (sums, outputs) has units 2^-e; its exact sum is rounded half even to the stream's unit 2^exp
  (result = fixed). All writers of a stream share it. Wide enough for the proved bound (streams = proved), nothing saturates;
  with streams = calibrated, for 1.25 times what calibration inputs reached, and writers saturate at stream-bits.
Neurons. divide(2): h = v + (x - v) / 2 is V = V - V / 2 + x with V = 2 (v - v_reset), fires at 2 (v_th - v_reset): shift(1). Other tau
  = 2^n: shift(n). Decays that are no power of two are rounded to n / 4096. States count 2^-fraction-bits of a current. The rounded
  threshold is exact for a hard reset: integers reach a threshold where they reach the next integer. With T - 1 bits of fraction
  every halving in T timesteps is exact, so the integer neuron is the rational one for the first T timesteps, which is the whole
  sample. The default takes as many bits, as far as the proved potentials fit state-bits; with fewer, each halving truncates toward
  zero (neurons-truncated). States saturate at state-bits where bounds do not prove that they cannot (states-limited).
For a chip of few threshold registers. threshold-shift = n: a register holds multiples of 2^n and compares strictly; v >= v_th is
  v > v_th - 1, so thresholds become M 2^n + 1. The unit of weights that neurons alone read grows until the threshold is such a number; with
  a unit per channel M is 2 * 2^i or 3 * 2^i, so that a layer needs few registers, with per = tensor any number and the layer has one.
  Thresholds on streams, whose units are powers of two, move to the nearest one (thresholds-moved), at most by 2^-8 of themselves, else by
  finer potentials: M 2^(n-s) + 1. Counts (attention, sums of spikes) keep their thresholds where potentials that fine fit state-bits,
  and else get the next one below, again at most by 2^-8. sums = exact: weights that write a stream are multiples of its unit, with one unit for all channels.
  truncation = decay keeps a bit of fraction even where that may saturate: such chips store weights of both signs without the lowest bit.
Attention: counters are integers already. sigma goes into the threshold; for a power of two nothing is rounded, for another sigma the
  sums are exact where the sequential rule rounded, so ties may differ.
Means: over 2^k values the sum in units of 2^-k, exactly the mean; over other numbers of positions the sum, 1 / n in the threshold.
Rounded, in short: weights, biases, the picture, what is added to a stream, decays other than 2^-n. Exact: everything else.
Ranges prove that no integer leaves 32 bits; a net for which they do not is refused.
With calibration inputs the ranges of inputs are measured, and spikes and predictions are compared with the real net's.`,
  options: {
    bits: { type: "int", min: 4, max: 8, default: 8, doc: "bits of a weight, sign included" },
    per: { type: "word", oneOf: ["channel", "tensor"], default: "channel", doc: "what shares a unit of weights" },
    clip: {
      type: "word",
      oneOf: ["min-max", "percentile", "mse"],
      default: "min-max",
      doc: "largest weight that is represented: the largest there is, a percentile, or the one with the least squared error",
    },
    percentile: {
      type: "number",
      default: 99.9,
      doc: "for clip = percentile: percent of the weights, above 0, at most 100",
    },
    "state-bits": { type: "int", min: 8, max: 32, default: 24, doc: "bits of a potential, sign included" },
    "fraction-bits": {
      type: "int",
      min: -1,
      max: 24,
      default: -1,
      doc: "bits of a potential below one unit of current; -1: as many as keep every charge exact, if they fit",
    },
    streams: {
      type: "word",
      oneOf: ["proved", "calibrated"],
      default: "proved",
      doc: "range of streams: what weights can reach, or what calibration inputs reached (then writers saturate)",
    },
    "stream-bits": { type: "int", min: 8, max: 31, default: 16, doc: "bits of a stream, sign included" },
    sums: {
      type: "word",
      oneOf: ["rounded", "exact"],
      default: "rounded",
      doc: "exact: weights that write a stream are multiples of its unit, so that its sums need no rounding",
    },
    "threshold-shift": {
      type: "int",
      min: 0,
      max: 16,
      default: 0,
      doc: "low bits that threshold registers do not hold (6 on a Loihi): thresholds are multiples of 2^n, plus 1",
    },
    truncation: {
      type: "word",
      oneOf: ["shift", "decay"],
      default: "shift",
      doc: "of a halving that is not exact: truncate what is lost (shift), or what is kept, as a decay of 2048 / 4096 does",
    },
    "input-bits": { type: "int", min: 8, max: 16, default: 12, doc: "bits of a real input, sign included" },
    "input-range": {
      type: "number",
      default: 0,
      doc: "largest magnitude of real inputs, beyond which they saturate; 0: measured on calibration inputs; without any 4 is assumed, and a warning says so",
    },
  },
  counters: {
    "weights-quantized": "weighted ops that became integer",
    "weights-saturated": "weights that were clipped",
    "neurons-quantized": "neurons that became integer",
    "neurons-truncated": "neurons whose charges are not exact for all timesteps",
    "states-limited": "neurons whose state is not proved to stay inside state-bits, and saturates there",
    "thresholds-clamped": "per-channel thresholds beyond the state: these neurons never fire",
    "thresholds-moved": "thresholds that became another integer to fit threshold-shift",
    "attentions-lowered": "attentions that became integer counters",
    "predictions-changed": "calibration inputs whose largest output is another one",
  },
  exactness: {
    kind: "bounded",
    metric: "accuracy lost with 8-bit weights, measured with --calibrate and --labels,",
    limit: "1 percentage point",
  },
  idempotent: true,
  requires: [NO_BATCHNORM],
  ensures: [INTEGERS_ONLY],
  mayEnsure: [],
  run(net, context) {
    if (INTEGERS_ONLY.violation(net) === undefined) return net;
    const { calibration } = context;
    const problem = calibration === undefined ? undefined : calibrationProblem(net, calibration);
    if (problem !== undefined) {
      context.complain("calibration", problem);
      return net;
    }
    if (!checkOptions(context, calibration)) return net;
    const observed = calibration === undefined ? undefined : observe(net, calibration);
    const declared = context.number("input-range");
    const measured = (name: string): number => (declared > 0 ? declared : (observed?.get(name) ?? 0));
    const inputRange = (name: string): number => measured(name) || ASSUMED_RANGE;
    const plan = planStreams(net, realBounds(net, inputRange));
    refuseAll(context, plan.refusals);
    if (plan.refusals.length > 0) return net;
    for (const { name, type } of net.inputs) {
      if (type.number.kind === "real" && measured(name) === 0) warnOfRange(context, name);
    }
    const saturate = context.word("streams") === "calibrated";
    const seenOf = (stream: Stream): number =>
      HEADROOM * stream.values.reduce((most, name) => Math.max(most, observed?.get(name) ?? 0), 0);
    const settings = {
      weights: {
        bits: context.number("bits"),
        per: context.word("per") === "tensor" ? "tensor" : "channel",
        clip: clipOf(context.word("clip")),
        percentile: context.number("percentile"),
      },
      neurons: {
        stateBits: context.number("state-bits"),
        fractionBits: context.number("fraction-bits"),
        thresholdShift: context.number("threshold-shift"),
        truncation: context.word("truncation") === "decay" ? "decay" : "shift",
      },
      exactSums: context.word("sums") === "exact",
      inputBits: context.number("input-bits"),
      inputRange,
    } as const;
    const streams = {
      plan,
      bits: context.number("stream-bits"),
      saturate,
      boundOf: saturate ? seenOf : (stream: Stream) => stream.bound,
    };
    try {
      const { net: result, ops, attentions } = rewrite(net, settings, streams);
      countOps(context, ops, attentions);
      context.table(opTable(ops));
      if (calibration !== undefined) {
        const comparison = compareNets(net, result, calibration);
        context.count("predictions-changed", comparison.changed);
        for (const table of comparisonTables(comparison)) context.table(table);
      }
      return result;
    } catch (error) {
      if (!(error instanceof NotQuantizable)) throw error;
      refuse(context, [error.op], error.message, error.hint);
      return net;
    }
  },
  examples: [
    {
      doc: "@w feeds a neuron alone, so each channel has a unit of its own (0.5 / 127 and 0.2 / 127); @p writes a stream of units 2^-13",
      pipeline: "quantize,drop-dead",
      before: `net @example(%x: spike<2t, 1x2>, %r: spike<2t, 1x2>) -> real<2t, 1x2> {
  const @w : weights<2x2> = [0.5, -0.1, 0.25, 0.2] + [0.1, 0]
  const @p : weights<2x2> = [1, 0.25, -0.5, 0.125]
  %0 = synapse.dense %x, @w : real<2t, 1x2>
  %1 = neuron.lif %0 {charge = divide(2), v_th = 1} : spike<2t, 1x2> layer("hidden")
  %2 = synapse.dense %1, @p : real<2t, 1x2>
  %3 = synapse.dense %r, @p : real<2t, 1x2>
  %4 = stream.add %2, %3 : real<2t, 1x2>
  return %4
}`,
      after: `net @example(%x: spike<2t, 1x2>, %r: spike<2t, 1x2>) -> real<2t, 1x2> {
  const @w : weights<2x2> = [127, -63, 64, 127] + [25, 0] grid [0]
  const @hidden.v_th : real<2> = [1016, 2540]
  const @p.int : weights<2x2> = [1, 0.25, -0.5, 0.125] grid [6, 8]
  %0 = synapse.dense %x, @w {result = int} : int<2t, 1x2, -216..216>
  %1 = neuron.lif %0 {charge = shift(1), v_th = @hidden.v_th, fire = ge, reset = hard, state_bits = 24, fraction_bits = 1} : spike<2t, 1x2> layer("hidden")
  %2 = synapse.dense %1, @p.int {result = fixed, exp = -13} : int<2t, 1x2, -12288..12288, 2^-13>
  %3 = synapse.dense %r, @p.int {result = fixed, exp = -13} : int<2t, 1x2, -12288..12288, 2^-13>
  %4 = stream.add %2, %3 : int<2t, 1x2, -24576..24576, 2^-13>
  %4.real = to-real %4 : real<2t, 1x2>
  return %4.real
}`,
    },
    {
      doc: "counters are integers: sigma = 1/4 and tau = 2 make the threshold 0.5 * 2 / 0.25 = 4, and one bit of fraction 8",
      before: `net @example(%q: spike<2t, 4x2>, %k: spike<2t, 4x2>, %v: spike<2t, 4x2>) -> spike<2t, 4x2> {
  %0 = attention.statten %q, %k, %v {heads = 1, chunk = 2, scale = 0.25} : real<2t, 4x2>
  %1 = neuron.lif %0 {charge = divide(2), v_th = 0.5} : spike<2t, 4x2>
  return %1
}`,
      after: `net @example(%q: spike<2t, 4x2>, %k: spike<2t, 4x2>, %v: spike<2t, 4x2>) -> spike<2t, 4x2> {
  %0.kv = attention.kv %k, %v {heads = 1, chunk = 2} : count<1t/2, 1x2x2, max 8>
  %0 = attention.q %q, %0.kv : count<2t, 4x2, max 16>
  %1 = neuron.lif %0 {charge = shift(1), v_th = 8, fire = ge, reset = hard, state_bits = 24, fraction_bits = 1} : spike<2t, 4x2>
  return %1
}`,
    },
  ],
});

function clipOf(word: string): "min-max" | "percentile" | "mse" {
  return word === "percentile" || word === "mse" ? word : "min-max";
}

/** Options that depend on each other. */
function checkOptions(context: PassContext, calibration: Calibration | undefined): boolean {
  const percentile = context.number("percentile");
  if (!(percentile > 0 && percentile <= 100))
    context.complainOption("percentile", `\`percentile\` is ${percentile}, expected above 0 and at most 100`);
  if (context.isGiven("percentile") && context.word("clip") !== "percentile") {
    const message = `\`percentile\` belongs to \`clip = percentile\`, the clip is ${context.word("clip")}`;
    context.complainOption("percentile", message, "add clip=percentile, or leave it out");
  }
  const range = context.number("input-range");
  if (!(range >= 0))
    context.complainOption("input-range", `\`input-range\` is ${range}, expected 0 or a positive number`);
  if (context.word("streams") === "calibrated" && calibration === undefined) {
    const hint = "give --calibrate, or use streams = proved";
    context.complainOption("streams", "`streams = calibrated` needs calibration inputs", hint);
  }
  return !context.report.failed;
}
