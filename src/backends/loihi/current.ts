import type { LoihiChip } from "../../chips/loihi.js";
import { channelsOf, outputsOf, positionsOf, timestepsOf, type Op, type OpView, type Weights } from "../../ir/index.js";
import type { loihiDiagnostics } from "./diagnostics.js";
import type { WeightRange } from "./numerics.js";

/** What lowering knows of the values between populations, and why something has no exact form. */

/** What a value of the net is on the chip. */
export interface Current {
  /** The integers that arrive; undefined: none do. */
  readonly value: string | undefined;
  /** What is added to each of them in every timestep, per channel, in the same units. */
  readonly bias: Float64Array;
  /** Units of 2^exp. */
  readonly exp: number;
  /** Weights on the ways to it. */
  readonly weights: readonly (WeightRange & { readonly name: string })[];
}

type Code = Parameters<typeof loihiDiagnostics.make>[0];

/** Why one op has no exact form; caught once per op, so that all of them are reported. */
export class NotLegal extends Error {
  constructor(
    readonly code: Code,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

export const QUANTISE = "run the pass `quantize{sums=exact threshold-shift=6 truncation=decay}` first";
/** What arrives directly, from neurons or the host. */
export const ONE = { name: "ones", granule: 1, largest: 1, mixed: false };
/** The weights on the ways to a current, in units of 2^exp. */
export function finer({ weights, exp }: Current, unit: number): Current["weights"] {
  const by = 2 ** (exp - unit);
  return weights.map(({ granule, largest, ...rest }) => ({ ...rest, granule: granule * by, largest: largest * by }));
}

export const zeros = (n: number): Float64Array => new Float64Array(n);

export function symbolAttrs(op: Op): readonly { readonly attr: string }[] {
  return Object.values(op.attrs).flatMap((v) => (typeof v === "object" && "symbol" in v ? [{ attr: v.symbol }] : []));
}

/** Refuses integers in lo..hi that do not fit the payload of a message; `other`: a way out beside wider payloads. */
export function checkPayload(
  { numerics: { gradedBits } }: LoihiChip,
  [lo, hi]: readonly [number, number],
  what: string,
  other: string,
): void {
  const limit = 2 ** (gradedBits - 1);
  if (gradedBits > 0 && lo >= -limit && hi < limit) return;
  const has = gradedBits === 0 ? "none" : `${gradedBits} bits`;
  const message = `${what} are integers in ${lo}..${hi}, as payload of messages, of which the chip has ${has}`;
  const hint = `use a chip with graded messages of ${Math.ceil(Math.log2(Math.max(-lo, hi + 1))) + 1} bits, or ${other}`;
  throw new NotLegal("graded-values", message, hint);
}

/** Weights and biases in units of the result, 2^exp, of an operand in units 2^shift times that. */
export function integers(weights: Weights, shift: number, exp: number): { values: Int32Array; bias: Float64Array } {
  const out = outputsOf(weights);
  const unit = Float64Array.from(weights.exponent, (e) => 2 ** (shift - e));
  const values = new Int32Array(weights.mantissa.length);
  for (let i = 0; i < values.length; i++) {
    const exact = weights.mantissa[i]! * unit[i % out]!;
    values[i] = exact;
    if (values[i] !== exact) throw notWhole(`weight ${i} of channel ${i % out}`, exact, exp);
  }
  const bias = weights.bias.map((b, o) => {
    const exact = b * 2 ** (-weights.exponent[o]! - exp);
    if (!Number.isInteger(exact)) throw notWhole(`the bias of channel ${o}`, exact, exp);
    return exact;
  });
  return { values, bias };
}

function notWhole(what: string, value: number, exp: number): NotLegal {
  const message = `${what} is ${value} units of the result, 2^${exp}: its sums are rounded`;
  return new NotLegal("inexact-sum", message, "use quantize{sums=exact}");
}

/** What a dense op makes of the constant part of its operand. */
export function throughBias(op: Op, values: Int32Array, out: number, bias: Float64Array): Float64Array {
  const sums = zeros(out);
  if (bias.every((b) => b === 0)) return sums;
  if (op.name !== "synapse.dense") {
    throw new NotLegal(
      "unsupported-value",
      "its operand holds a constant part, which ends at the border of the map",
      "put a neuron in between",
    );
  }
  for (let i = 0; i < values.length; i++) sums[i % out]! += values[i]! * bias[Math.floor(i / out)]!;
  return sums;
}

/** Whether an attention core holds one head of this attention.kv; several cores share its heads. */
export function checkAttention(view: OpView, chip: LoihiChip): void {
  const k = view.operand(0);
  const [heads, chunk] = [view.number("heads"), view.number("chunk")];
  const [tokens, channels] = [positionsOf(k), channelsOf(k)];
  const d = channels / heads;
  const counterBits = Math.ceil(Math.log2(chunk * tokens + 1));
  const cores = chip.attention;
  const chunks = timestepsOf(k.time) / chunk;
  const buffers = cores?.mode === "lockstep" ? 1 : 2;
  const queries = buffers * chunk * tokens * d;
  const sets = cores?.mode === "lockstep" || chunks === 1 ? 1 : 2;
  const needs = `chunks of ${chunk} timesteps of ${tokens} tokens, ${heads} heads of ${d} channels: ${heads * d * d} counters of ${counterBits} bits, ${heads * d * d} AND gates per token, ${heads * queries} bits of queries`;
  const hint =
    "use a chip with attention cores (loihi1+attention), the layer-by-layer target, or SDT's own attention (SDSA), which is neurons";
  if (cores === undefined) throw new NotLegal("attention-cores", `${needs}; the chip has no attention cores`, hint);
  const short = [
    d * d > cores.counters ? `${d * d} counters of a head, ${cores.counters} there` : "",
    counterBits > cores.counterBits ? `${counterBits} bits, counters have ${cores.counterBits}` : "",
    sets > cores.sets ? `${sets} sets of counters, ${cores.sets} there` : "",
    queries > cores.queryBits ? `${queries} bits of queries of a head, ${cores.queryBits} there` : "",
    3 * tokens * d > cores.inputAxons ? `${3 * tokens * d} input axons of a head, ${cores.inputAxons} there` : "",
  ].filter((text) => text !== "");
  if (short.length > 0)
    throw new NotLegal("attention-cores", `${needs}; one core is too small: ${short.join("; ")}`, hint);
}
