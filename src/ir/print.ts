import { digestOf, onGrid, toWeights, type Constant, type Weights } from "./constant.js";
import { printF32, printNumber } from "./number-text.js";
import { valueTypes, type AttrValue, type LayerIdentity, type Net, type Op } from "./net.js";
import { findOp } from "./ops/index.js";
import { printType, sameShape, type ValueType } from "./types.js";

/**
 * The canonical text of a net.
 *
 * One rule makes text and nets correspond: what an op holds is printed, nothing else. Attributes present in `op.attrs` are
 * printed in the order of the op's definition, also where they equal the default; absent ones are not. So
 * `parse(print(n))` is `n` for every legal net, and `print(parse(s))` is `s` for every `s` that was printed.
 */

export interface PrintOptions {
  /** Prints `loc("...")` with the origin of each op. */
  readonly locations?: boolean;
}

/** Constants of at most this many values are printed in the text; larger ones are `external`. */
export const INLINE_VALUES = 16;

/** The name of a single output that is printed without its name. */
export const DEFAULT_OUTPUT = "out";

/** Words with a meaning of their own, which therefore cannot be bare names. */
export const KEYWORDS = ["net", "const", "return", "external", "grid", "layer", "loc", "true", "false"] as const;

const SIGIL_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const BARE_NAME = /^[A-Za-z_][A-Za-z0-9_]*(?:[.-][A-Za-z0-9_]+)*$/;

function sigil(mark: "%" | "@", name: string): string {
  return SIGIL_NAME.test(name) ? mark + name : mark + JSON.stringify(name);
}

function bare(name: string): string {
  const keyword = KEYWORDS.some((word) => word === name);
  return BARE_NAME.test(name) && !keyword ? name : JSON.stringify(name);
}

function printAttr(value: AttrValue): string {
  if (typeof value === "number") return printNumber(value);
  if (typeof value !== "object") return String(value);
  if ("symbol" in value) return sigil("@", value.symbol);
  return value.args.length === 0 ? value.name : `${value.name}(${value.args.map(printNumber).join(", ")})`;
}

function printAttrs(op: Op): string {
  const declared = Object.keys(findOp(op.name)?.attrs ?? {});
  const present = Object.keys(op.attrs);
  const names = [
    ...declared.filter((name) => present.includes(name)),
    ...present.filter((name) => !declared.includes(name)),
  ];
  if (names.length === 0) return "";
  const entries = names.map((name) => `${name} = ${printAttr(op.attrs[name] ?? false)}`);
  return ` {${entries.join(", ")}}`;
}

/** Ascending numbers, runs of them as ranges: `0..3, 7`. */
function printRuns(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs[runs.length - 1];
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([lo, hi]) => (lo === hi ? `${lo}` : `${lo}..${hi}`)).join(", ");
}

function printLayer({ name, removed }: LayerIdentity): string {
  return JSON.stringify(name) + (removed === undefined ? "" : `, removed = [${printRuns(removed)}]`);
}

/** The text of one op, without indent. */
export function printOp(op: Op, options: PrintOptions = {}): string {
  const args = [...op.operands.map((name) => sigil("%", name)), ...op.symbols.map((name) => sigil("@", name))];
  const layer = op.layer === undefined ? "" : ` layer(${printLayer(op.layer)})`;
  const loc = options.locations === true && op.origin !== undefined ? ` loc(${JSON.stringify(op.origin)})` : "";
  const operands = args.length === 0 ? "" : ` ${args.join(", ")}`;
  return `${sigil("%", op.result)} = ${op.name}${operands}${printAttrs(op)} : ${printType(op.type)}${layer}${loc}`;
}

/** Real values of weights: exact in doubles, because mantissas are integers below 2^53 and scales powers of two. */
function realValues(weights: Weights): { values: number[]; bias: number[] } {
  const out = weights.exponent.length;
  const scale = (m: number, i: number): number => m * 2 ** -(weights.exponent[i % out] ?? 0);
  return { values: Array.from(weights.mantissa, scale), bias: Array.from(weights.bias, scale) };
}

function sameData(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** Whether two constants hold the same bits. */
export function sameConstant(a: Constant, b: Constant): boolean {
  if (a === b) return true;
  if (!sameShape(a.shape, b.shape)) return false;
  if (a.kind !== "weights") return b.kind === a.kind && sameData(a.data, b.data);
  if (b.kind !== "weights") return false;
  return sameData(a.mantissa, b.mantissa) && sameData(a.exponent, b.exponent) && sameData(a.bias, b.bias);
}

/** The values of a constant as text, or nothing when they would not read back to the same constant. */
function inlineText(constant: Constant): string | undefined {
  if (constant.kind !== "weights") {
    if (constant.data.length > INLINE_VALUES || !constant.data.every(Number.isFinite)) return undefined;
    return `[${Array.from(constant.data, constant.kind === "real" ? printF32 : String).join(", ")}]`;
  }
  if (constant.mantissa.length > INLINE_VALUES) return undefined;
  const { values, bias } = realValues(constant);
  if (![...values, ...bias].every(Number.isFinite)) return undefined;
  const given = `[${values.map(printNumber).join(", ")}]`;
  const text = bias.every((b) => Object.is(b, 0)) ? given : `${given} + [${bias.map(printNumber).join(", ")}]`;
  if (sameConstant(toWeights(constant.shape, values, bias), constant)) return text;
  // Coarser grids than the values ask for, as quantised weights have, are written out.
  const exponents = [...constant.exponent];
  if (!sameConstant(onGrid(constant.shape, values, bias, exponents), constant)) return undefined;
  const same = exponents.every((e) => e === exponents[0]);
  return `${text} grid [${(same ? exponents.slice(0, 1) : exponents).join(", ")}]`;
}

/** Whether the text of a net leaves the values of this constant to the file beside it. */
export function isExternal(constant: Constant): boolean {
  return inlineText(constant) === undefined;
}

function printConstant(name: string, constant: Constant): string {
  const text = inlineText(constant);
  const values = text === undefined ? `external "${digestOf(constant)}"` : `= ${text}`;
  return `const ${sigil("@", name)} : ${constant.kind}<${constant.shape.join("x")}> ${values}`;
}

function printOutputs(net: Net, types: ReadonlyMap<string, ValueType>): string {
  const typeText = (value: string): string => {
    const type = types.get(value);
    return type === undefined ? "?" : printType(type);
  };
  const [first, ...rest] = net.outputs;
  if (first !== undefined && rest.length === 0 && first.name === DEFAULT_OUTPUT) return typeText(first.value);
  return `(${net.outputs.map((output) => `${bare(output.name)}: ${typeText(output.value)}`).join(", ")})`;
}

/**
 * Prints a net: two-space indent, constants first, one op per line, no trailing spaces, a newline at the end. Values of
 * `external` constants are not in the text; see `constantsToTensors`.
 */
export function printNet(net: Net, options: PrintOptions = {}): string {
  const inputs = net.inputs.map((input) => `${sigil("%", input.name)}: ${printType(input.type)}`).join(", ");
  const returned = net.outputs.map((output) => ` ${sigil("%", output.value)}`).join(",");
  const lines = [
    `net ${sigil("@", net.name)}(${inputs}) -> ${printOutputs(net, valueTypes(net))} {`,
    ...[...net.constants].map(([name, constant]) => `  ${printConstant(name, constant)}`),
    ...net.ops.map((op) => `  ${printOp(op, options)}`),
    `  return${returned}`,
    "}",
  ];
  return `${lines.join("\n")}\n`;
}
