import { internalError } from "../diagnostics/index.js";
import type { Constant, IntTensor, RealTensor, Weights } from "./constant.js";
import type { AttrValue, Call, Op, SymbolRef } from "./net.js";
import type { ValueType } from "./types.js";

/**
 * How an op is defined: once, in one file, as data. Parser, printer, builder, verifier, evaluator, help text and tests
 * derive from the definition; nothing generic names an op.
 */

/** One moment of a value: real values are Float32Array, integers Int32Array, positions first, channels last. */
export type Slot = Float32Array | Int32Array;

/** State of one op between timesteps, by field name. */
export type OpState = Readonly<Record<string, Slot>>;

/**
 * Which timesteps an op looks at. Scheduling is decided by this: `instant` ops need their own moment, `stateful` ones the
 * state of t-1, `chunked` ones all steps of their chunk, `sequence` ones all T.
 */
export type TemporalClass =
  | { readonly kind: "instant" }
  | { readonly kind: "stateful" }
  | { readonly kind: "chunked"; readonly chunk: number }
  | { readonly kind: "sequence" };

/** What an output element reads: itself, a window of positions, its token, or the whole layer (a barrier). */
export type SpatialClass = "pointwise" | "window" | "token" | "layer";

export interface OperandDefinition {
  readonly name: string;
  readonly accepts: "any" | "real" | "int" | "spike";
  readonly doc: string;
  /** Chunked and sequence ops: this operand is needed up to the end of the chunk. */
  readonly future?: boolean;
}

export interface SymbolDefinition {
  readonly name: string;
  /** `values`: real numbers or integers. */
  readonly kind: Constant["kind"] | "values";
  readonly doc: string;
}

/** An attribute: its type, legal values, default and meaning. Without a default it is required. */
export type AttrDefinition = { readonly doc: string; readonly default?: AttrValue } & (
  | { readonly type: "int"; readonly min: number; readonly max?: number }
  | { readonly type: "number" }
  | { readonly type: "boolean" }
  | { readonly type: "word"; readonly oneOf: readonly string[] }
  /** A named rule with numeric arguments, for example `divide(2)`. */
  | { readonly type: "call"; readonly forms: Readonly<Record<string, readonly string[]>> }
  /** A number, or a constant with one value per channel. */
  | { readonly type: "number-or-symbol" }
);

/**
 * A swappable set of linear kernels; see `evaluate`. All take and return one slot, channels last. Weighted kernels return
 * the sums in real units as doubles, bias included; the op rounds them once.
 */
export interface LinearKernels {
  readonly name: string;
  conv(x: Slot, xType: ValueType, weights: Weights, window: Window): Float64Array;
  dense(x: Slot, xType: ValueType, weights: Weights): Float64Array;
  maxPool(x: Float32Array, xType: ValueType, window: Window): Float32Array;
}

export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** A checked view of an op: what `infer`, `init` and `step` are given. */
export class OpView {
  constructor(
    readonly op: Pick<Op, "name" | "operands" | "symbols" | "attrs"> & Partial<Pick<Op, "type">>,
    readonly definition: OpDefinition,
    readonly operandTypes: readonly ValueType[],
    readonly constants: ReadonlyMap<string, Constant>,
  ) {}

  operand(index: number): ValueType {
    const type = this.operandTypes[index];
    if (type === undefined) throw internalError(`${this.op.name} has no operand ${index}`);
    return type;
  }

  private attr(name: string): AttrValue {
    const value = this.op.attrs[name] ?? this.definition.attrs[name]?.default;
    if (value === undefined) throw internalError(`${this.op.name} has no attribute ${name}`);
    return value;
  }

  number(name: string): number {
    const value = this.attr(name);
    if (typeof value !== "number") throw internalError(`${this.op.name}: ${name} is not a number`);
    return value;
  }

  word(name: string): string {
    const value = this.attr(name);
    if (typeof value !== "string") throw internalError(`${this.op.name}: ${name} is not a word`);
    return value;
  }

  call(name: string): Call {
    const value = this.attr(name);
    if (typeof value !== "object" || !("args" in value)) throw internalError(`${this.op.name}: ${name} is not a rule`);
    return value;
  }

  /** A number-or-symbol attribute as one value per channel. */
  perChannel(name: string, channels: number): Float32Array {
    const value = this.attr(name);
    if (typeof value === "number") return new Float32Array(channels).fill(value);
    if (typeof value === "object" && "symbol" in value) return this.realConstant(value).data;
    throw internalError(`${this.op.name}: ${name} is neither a number nor a constant`);
  }

  realConstant(ref: SymbolRef): RealTensor {
    const constant = this.constants.get(ref.symbol);
    if (constant?.kind !== "real") throw internalError(`@${ref.symbol} is not a real constant`);
    return constant;
  }

  weights(index = 0): Weights {
    const constant = this.constants.get(this.op.symbols[index] ?? "");
    if (constant?.kind !== "weights") throw internalError(`symbol ${index} of ${this.op.name} is not weights`);
    return constant;
  }

  real(index: number): RealTensor {
    return this.realConstant({ symbol: this.op.symbols[index] ?? "" });
  }

  /** Real numbers or integers. */
  values(index: number): RealTensor | IntTensor {
    const constant = this.constants.get(this.op.symbols[index] ?? "");
    if (constant === undefined || constant.kind === "weights") {
      throw internalError(`symbol ${index} of ${this.op.name} is no tensor of values`);
    }
    return constant;
  }

  window(): Window {
    return { kernel: this.number("kernel"), stride: this.number("stride"), padding: this.number("padding") };
  }
}

/** What the reference semantics see of the evaluation: the view, and the kernels in use. */
export interface StepContext {
  readonly view: OpView;
  readonly type: ValueType;
  readonly kernels: LinearKernels;
}

/** A violated rule of an op, in one sentence, with an optional way out. */
export interface Problem {
  readonly code: "shape-mismatch" | "type-mismatch" | "attribute" | "chunk" | "overflow" | "range" | "timesteps";
  readonly message: string;
  readonly hint?: string;
}

export function problem(code: Problem["code"], message: string, hint?: string): Problem {
  return hint === undefined ? { code, message } : { code, message, hint };
}

export function isProblem(value: ValueType | Problem): value is Problem {
  return "code" in value;
}

/** An example in an op's documentation: IR text, inputs (all slots, flat), expected outputs. Run as a test. */
export interface OpExample {
  readonly text: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

export interface OpDefinition {
  readonly name: string;
  readonly summary: string;
  /** The equation, then when to use it and where it comes from. */
  readonly doc: string;
  readonly operands: readonly OperandDefinition[];
  readonly symbols: readonly SymbolDefinition[];
  readonly attrs: Readonly<Record<string, AttrDefinition>>;
  temporal(view: OpView): TemporalClass;
  readonly spatial: SpatialClass;
  /**
   * Result type from operand types and attributes, or the rule that was violated. Only an op without operands may look at the type
   * that was declared (`view.op.type`): nothing else says it.
   */
  infer(view: OpView): ValueType | Problem;
  /** State before the first timestep. */
  init?(context: StepContext): OpState;
  /**
   * One unit of work: an instant op computes one result slot, a stateful one one timestep, a chunked one one chunk, a
   * sequence one the whole sample. `operands[i]` holds the slots of operand i in that unit (one, where it holds longer).
   * Returns the result slots of the unit; writes the next state into `state`.
   */
  step(context: StepContext, state: OpState, operands: readonly (readonly Slot[])[]): readonly Slot[];
  /** Delays only: the output of a timestep, known before its operand is. */
  emit?(context: StepContext, state: OpState): Slot;
  readonly examples: readonly OpExample[];
}

export function defineOp(definition: OpDefinition): OpDefinition {
  return definition;
}

export const instant = (): TemporalClass => ({ kind: "instant" });
export const stateful = (): TemporalClass => ({ kind: "stateful" });
export const sequence = (): TemporalClass => ({ kind: "sequence" });

/** A fresh slot for values of this type. */
export function newSlot(type: ValueType): Slot {
  let n = 1;
  for (const d of type.shape) n *= d;
  return type.number.kind === "real" ? new Float32Array(n) : new Int32Array(n);
}

/** The only slot of an operand in an instant or stateful unit. */
export function only(slots: readonly Slot[] | undefined): Slot {
  const slot = slots?.[0];
  if (slot === undefined) throw internalError("a unit without an operand slot");
  return slot;
}
