/**
 * Types of values: a kind of number, a time axis, a shape.
 *
 * Shapes are positions first, channels last: a feature map is `HxWxC`, a token matrix `NxC` with n = y*W + x, so turning
 * one into the other moves no data. Time is never one of the dimensions, and batch does not exist.
 */

import { sameShape } from "../math/tensor.js";

export { sameShape };

/** A 32-bit float, or an integer in `lo..hi` times 2^exp. */
export type NumberKind =
  { readonly kind: "real" } | { readonly kind: "int"; readonly lo: number; readonly hi: number; readonly exp: number };

/** `count` values per sample, each holding for `period` timesteps: `4t` is {4, 1}, `2t/2` is {2, 2}, `1t/4` is {1, 4}. */
export interface TimeAxis {
  readonly count: number;
  readonly period: number;
}

export interface ValueType {
  readonly number: NumberKind;
  readonly time: TimeAxis;
  readonly shape: readonly number[];
}

export const REAL: NumberKind = { kind: "real" };
export const SPIKE: NumberKind = { kind: "int", lo: 0, hi: 1, exp: 0 };

export function int(lo: number, hi: number, exp = 0): NumberKind {
  return { kind: "int", lo, hi, exp };
}

export function isSpike(type: ValueType): boolean {
  return type.number.kind === "int" && type.number.lo === 0 && type.number.hi === 1 && type.number.exp === 0;
}

/** Most timesteps of a net: far above any trained one, far below what would exhaust memory. */
export const MAX_TIMESTEPS = 65_536;

/** One value per timestep. */
export function everyStep(timesteps: number): TimeAxis {
  return { count: timesteps, period: 1 };
}

export function timestepsOf(time: TimeAxis): number {
  return time.count * time.period;
}

/** Number of elements of one slot (one moment) of a value. */
export function slotSize(type: ValueType): number {
  let n = 1;
  for (const d of type.shape) n *= d;
  return n;
}

/** Channels of a value: its last dimension. */
export function channelsOf(type: ValueType): number {
  return type.shape[type.shape.length - 1] ?? 1;
}

/** Positions of a value: the product of all dimensions but the last. */
export function positionsOf(type: ValueType): number {
  return slotSize(type) / channelsOf(type);
}

function printNumber(number: NumberKind): { name: string; suffix: string } {
  if (number.kind === "real") return { name: "real", suffix: "" };
  const exp = number.exp === 0 ? "" : `, 2^${number.exp}`;
  if (number.lo !== 0) return { name: "int", suffix: `, ${number.lo}..${number.hi}${exp}` };
  if (number.hi === 1 && number.exp === 0) return { name: "spike", suffix: "" };
  return { name: "count", suffix: `, max ${number.hi}${exp}` };
}

export function printTime(time: TimeAxis): string {
  return time.period === 1 ? `${time.count}t` : `${time.count}t/${time.period}`;
}

/** The text of a type, for example `spike<4t, 64x512>` or `count<2t/2, 8x64x64, max 128>`. */
export function printType(type: ValueType): string {
  const { name, suffix } = printNumber(type.number);
  return `${name}<${printTime(type.time)}, ${type.shape.join("x")}${suffix}>`;
}

export function sameTime(a: TimeAxis, b: TimeAxis): boolean {
  return a.count === b.count && a.period === b.period;
}

export function sameNumber(a: NumberKind, b: NumberKind): boolean {
  if (a.kind === "real" || b.kind === "real") return a.kind === b.kind;
  return a.lo === b.lo && a.hi === b.hi && a.exp === b.exp;
}

export function sameType(a: ValueType, b: ValueType): boolean {
  return sameTime(a.time, b.time) && sameNumber(a.number, b.number) && sameShape(a.shape, b.shape);
}

/**
 * The time axis of an op on several operands: slower operands hold, so the shortest period wins, and it must divide the
 * others. Undefined when the operands disagree on the number of timesteps or a period does not divide.
 */
export function joinTime(axes: readonly TimeAxis[]): TimeAxis | undefined {
  const first = axes[0];
  if (first === undefined) return undefined;
  const fastest = axes.reduce((a, b) => (b.period < a.period ? b : a), first);
  const agree = axes.every((a) => timestepsOf(a) === timestepsOf(fastest) && a.period % fastest.period === 0);
  return agree ? fastest : undefined;
}
