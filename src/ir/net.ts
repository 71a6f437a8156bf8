import type { Constant } from "./constant.js";
import type { ValueType } from "./types.js";

/** The charge rule of a neuron, with its rounding sequence; see `neuron.lif`. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
}

/** A reference to a constant: `@name`. */
export interface SymbolRef {
  readonly symbol: string;
}

export type AttrValue = number | boolean | string | Call | SymbolRef;

/** Identity of a layer in the source model: the neuron op's module path there, and which of its channels are left. */
export interface LayerIdentity {
  readonly name: string;
  /** Channels of the source model that were removed, ascending; absent where all are there. The others follow in their order. */
  readonly removed?: readonly number[];
}

/** The channel of the source model that each of `channels` channels of a layer is. */
export function sourceChannels(layer: LayerIdentity, channels: number): readonly number[] {
  const removed = new Set(layer.removed);
  return Array.from({ length: channels + removed.size }, (_, c) => c).filter((c) => !removed.has(c));
}

/** The identity of a layer of which only some channels are kept; `kept` counts in the channels that it has now. */
export function keepChannels(layer: LayerIdentity, channels: number, kept: readonly number[]): LayerIdentity {
  const source = sourceChannels(layer, channels);
  const left = new Set(kept.map((c) => source[c]));
  const removed = [...(layer.removed ?? []), ...source.filter((c) => !left.has(c))].sort((a, b) => a - b);
  return removed.length === 0 ? { name: layer.name } : { name: layer.name, removed };
}

/** One operation; names in `operands` are results of other ops or inputs of the net. */
export interface Op {
  readonly name: string;
  /** Name of the value it defines, without `%`. Every op defines exactly one value. */
  readonly result: string;
  readonly operands: readonly string[];
  /** Constants, in the order of the definition's `symbols`. */
  readonly symbols: readonly string[];
  readonly attrs: Readonly<Record<string, AttrValue>>;
  readonly type: ValueType;
  readonly layer?: LayerIdentity;
  /** Where it came from, for diagnostics: a tensor or module of the source model. */
  readonly origin?: string;
}

export interface NetInput {
  readonly name: string;
  readonly type: ValueType;
}

export interface NetOutput {
  readonly name: string;
  readonly value: string;
}

/**
 * A network: computes one sample over T timesteps. Immutable; passes return a new one, sharing constants, or the same
 * object when nothing changed. Only `delay` may refer to a value defined later.
 */
export interface Net {
  readonly name: string;
  readonly inputs: readonly NetInput[];
  readonly outputs: readonly NetOutput[];
  readonly ops: readonly Op[];
  readonly constants: ReadonlyMap<string, Constant>;
}

/** Types of all values: inputs and results. */
export function valueTypes(net: Net): ReadonlyMap<string, ValueType> {
  const types = new Map<string, ValueType>();
  for (const input of net.inputs) types.set(input.name, input.type);
  for (const op of net.ops) types.set(op.result, op.type);
  return types;
}

/** Ops that read each value, in order. */
export function usersOf(net: Net): ReadonlyMap<string, readonly Op[]> {
  const users = new Map<string, Op[]>();
  for (const op of net.ops) {
    for (const operand of op.operands) {
      const list = users.get(operand);
      if (list === undefined) users.set(operand, [op]);
      else if (list[list.length - 1] !== op) list.push(op);
    }
  }
  return users;
}
