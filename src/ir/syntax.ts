import type { CstElement, CstNode, IToken } from "chevrotain";
import type { AttrValue, LayerIdentity } from "./net.js";
import { int, MAX_TIMESTEPS, REAL, SPIKE, type NumberKind, type ValueType } from "./types.js";

/** The text of a net as a tree of plain values with spans: what the concrete tree says, before names are looked up. */

export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface Spanned<T> extends Span {
  readonly value: T;
}

/** A type as written; a fault says why it is no type. */
export type TypeSyntax = Span & ({ readonly type: ValueType } | { readonly fault: string });

export interface InputSyntax {
  readonly name: Spanned<string>;
  readonly type: TypeSyntax | undefined;
}

export interface OutputSyntax {
  /** Absent for a single unnamed output. */
  readonly name: Spanned<string> | undefined;
  readonly type: TypeSyntax | undefined;
}

export interface ConstantSyntax {
  readonly name: Spanned<string>;
  readonly kind: Spanned<string>;
  readonly shape: Spanned<readonly number[] | undefined>;
  /** Absent when external. */
  readonly values: Spanned<readonly number[]> | undefined;
  readonly bias: Spanned<readonly number[]> | undefined;
  /** Of an external constant: the digest that its values must have. */
  readonly digest: Spanned<string> | undefined;
  /** Exponents of the grid of weights, one for all channels or one each; absent: the finest grid of 24 bits. */
  readonly grid: Spanned<readonly number[]> | undefined;
}

export interface AttrSyntax {
  readonly name: Spanned<string>;
  /** A rule without arguments and a word look the same; both are a string here. */
  readonly value: Spanned<AttrValue>;
}

/** A layer's identity as written; a fault says why it is none. */
export type LayerSyntax = Span & ({ readonly layer: LayerIdentity } | { readonly fault: string });

export interface OpSyntax {
  readonly result: Spanned<string>;
  readonly name: Spanned<string>;
  readonly operands: readonly Spanned<string>[];
  readonly symbols: readonly Spanned<string>[];
  readonly attrs: readonly AttrSyntax[];
  readonly type: TypeSyntax | undefined;
  readonly layer: LayerSyntax | undefined;
  readonly origin: string | undefined;
}

export interface NetSyntax {
  readonly name: Spanned<string>;
  readonly inputs: readonly InputSyntax[];
  readonly outputs: readonly OutputSyntax[];
  readonly constants: readonly ConstantSyntax[];
  readonly ops: readonly OpSyntax[];
  /** Absent when `return` could not be read. */
  readonly returned: readonly Spanned<string>[] | undefined;
  /** Values and constants defined by statements that could not be read: known by name, nothing else. */
  readonly unreadable: ReadonlySet<string>;
}

function isNode(element: CstElement): element is CstNode {
  return "children" in element;
}

/** Inserted tokens of the error recovery have no place in the text. */
function isReal(token: IToken): boolean {
  return !Number.isNaN(token.startOffset) && token.isInsertedInRecovery !== true;
}

function nodes(node: CstNode | undefined, rule: string): CstNode[] {
  return (node?.children[rule] ?? []).filter(isNode);
}

function node(parent: CstNode | undefined, rule: string): CstNode | undefined {
  return nodes(parent, rule)[0];
}

function tokens(parent: CstNode | undefined, name: string): IToken[] {
  return (parent?.children[name] ?? []).filter((element): element is IToken => !isNode(element)).filter(isReal);
}

function token(parent: CstNode | undefined, name: string): IToken | undefined {
  return tokens(parent, name)[0];
}

function spanned<T>(at: IToken, value: T): Spanned<T> {
  return { value, offset: at.startOffset, length: at.image.length };
}

/** From the first to the last token below a node. */
function spanOf(at: CstNode): Span {
  let first = Infinity;
  let end = 0;
  const visit = (element: CstElement): void => {
    if (isNode(element)) {
      for (const child of Object.values(element.children).flat()) visit(child);
    } else if (isReal(element)) {
      first = Math.min(first, element.startOffset);
      end = Math.max(end, element.startOffset + element.image.length);
    }
  };
  visit(at);
  return first < end ? { offset: first, length: end - first } : { offset: 0, length: 1 };
}

/** Reads a quoted text; one with a broken escape stands for itself. */
function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : text;
  } catch {
    return text;
  }
}

function name(at: IToken): Spanned<string> {
  const bare = at.image.startsWith("%") || at.image.startsWith("@") ? at.image.slice(1) : at.image;
  return spanned(at, unquote(bare));
}

const LARGEST_SLOT = 2 ** 31 - 1;

function readShape(shape: CstNode | undefined): Spanned<readonly number[] | undefined> | undefined {
  const at = token(shape, "Shape") ?? token(shape, "Number");
  if (at === undefined) return undefined;
  const sizes = at.image.split("x").map(Number);
  const legal = sizes.every((d) => Number.isInteger(d) && d >= 1) && sizes.reduce((a, b) => a * b, 1) <= LARGEST_SLOT;
  return spanned(at, legal ? sizes : undefined);
}

function readNumber(kind: string, suffixes: readonly CstNode[]): NumberKind | string {
  let lo = 0;
  let hi: number | undefined;
  let exp = 0;
  for (const suffix of suffixes) {
    const [word, number] = [token(suffix, "Word"), token(suffix, "Number")];
    const [range, power] = [token(suffix, "Range"), token(suffix, "Power")];
    if (word !== undefined && word.image !== "max") return `expected \`max\`, got \`${word.image}\``;
    if (number !== undefined && word !== undefined) hi = Number(number.image);
    if (range !== undefined) [lo = 0, hi = 0] = range.image.split("..").map(Number);
    if (power !== undefined) exp = Number(power.image.slice(2));
  }
  switch (kind) {
    case "real":
    case "spike":
      if (suffixes.length > 0) return `\`${kind}\` takes a time axis and a shape only`;
      return kind === "real" ? REAL : SPIKE;
    case "count":
    case "int": {
      if (hi === undefined) return kind === "count" ? "a count needs `max N`" : "an int needs a range `lo..hi`";
      const legal = [lo, hi, exp].every(Number.isSafeInteger) && lo <= hi;
      return legal ? int(lo, hi, exp) : `\`${lo}..${hi}\` is no range of integers`;
    }
    default:
      return `no kind of number \`${kind}\`; known: real, spike, count, int`;
  }
}

function readType(at: CstNode | undefined): TypeSyntax | undefined {
  const [kind, time, shape] = [token(at, "Word"), token(at, "Time"), readShape(node(at, "shape"))];
  if (at === undefined || at.recoveredNode === true || !kind || !time || !shape) return undefined;
  const span = spanOf(at);
  const [count = 0, period = 1] = time.image.split("t").map((part) => Number(part.replace("/", "") || 1));
  const number = readNumber(kind.image, nodes(at, "suffix"));
  if (typeof number === "string") return { ...span, fault: number };
  if (shape.value === undefined) return { ...span, fault: "a shape needs positive sizes, below 2^31 values in all" };
  if (!(count >= 1 && period >= 1)) {
    return { ...span, fault: `\`${time.image}\` is no time axis: count and period are at least 1` };
  }
  if (count * period > MAX_TIMESTEPS) {
    return { ...span, fault: `\`${time.image}\` has more than ${MAX_TIMESTEPS} timesteps` };
  }
  return { ...span, type: { number, time: { count, period }, shape: shape.value } };
}

function readValues(at: CstNode | undefined): Spanned<readonly number[]> | undefined {
  if (at === undefined) return undefined;
  return { ...spanOf(at), value: tokens(at, "Number").map((number) => Number(number.image)) };
}

function readConstant(at: CstNode): ConstantSyntax | undefined {
  const [symbol, kind, shape] = [token(at, "Symbol"), token(at, "Word"), readShape(node(at, "shape"))];
  const [values, bias] = nodes(at, "values");
  const digest = token(at, "Text");
  if (!symbol || !kind || !shape || (values === undefined && token(at, "External") === undefined)) return undefined;
  return {
    name: name(symbol),
    kind: spanned(kind, kind.image),
    shape,
    values: readValues(values),
    bias: readValues(bias),
    digest: digest === undefined ? undefined : spanned(digest, digest.image.slice(1, -1)),
    grid: readValues(node(node(at, "grid"), "values")),
  };
}

function readAttrValue(at: CstNode | undefined): Spanned<AttrValue> | undefined {
  const [word, number, power] = [token(at, "Word"), token(at, "Number"), token(at, "Power")];
  const symbol = token(at, "Symbol");
  const truth = token(at, "True") ?? token(at, "False");
  if (at !== undefined && word !== undefined) {
    if (token(at, "LParen") === undefined) return spanned(word, word.image);
    const args = tokens(at, "Number").map((arg) => Number(arg.image));
    return { ...spanOf(at), value: { name: word.image, args } };
  }
  if (number !== undefined) return spanned(number, Number(number.image));
  if (power !== undefined) return spanned(power, 2 ** Number(power.image.slice(2)));
  if (symbol !== undefined) return spanned(symbol, { symbol: name(symbol).value });
  return truth === undefined ? undefined : spanned(truth, truth.image === "true");
}

function readAttrs(at: CstNode | undefined): AttrSyntax[] {
  return nodes(at, "attribute").flatMap((attribute) => {
    const word = token(attribute, "Word");
    const value = readAttrValue(node(attribute, "attributeValue"));
    return word === undefined || value === undefined ? [] : [{ name: spanned(word, word.image), value }];
  });
}

function readText(at: CstNode | undefined): Spanned<string> | undefined {
  const text = token(at, "Text");
  return text === undefined ? undefined : spanned(text, unquote(text.image));
}

/** No layer has more channels; a range of the text must not make a longer list. */
const MOST_CHANNELS = 2 ** 20;

function readLayer(at: CstNode | undefined): LayerSyntax | undefined {
  const text = readText(at);
  if (at === undefined || text === undefined) return undefined;
  const span = { offset: text.offset, length: text.length };
  const word = token(at, "Word");
  if (word === undefined) return { ...span, layer: { name: text.value } };
  if (word.image !== "removed") return { ...span, fault: `expected \`removed\`, got \`${word.image}\`` };
  const removed: number[] = [];
  for (const run of nodes(at, "run")) {
    const [lo = NaN, hi = lo] = (token(run, "Range") ?? token(run, "Number"))?.image.split("..").map(Number) ?? [];
    const after = removed[removed.length - 1] ?? -1;
    const legal = Number.isInteger(lo) && Number.isInteger(hi) && lo > after && lo <= hi && hi < MOST_CHANNELS;
    if (!legal) return { ...span, fault: `removed channels ascend and are below ${MOST_CHANNELS}, got ${lo}..${hi}` };
    for (let c = lo; c <= hi; c++) removed.push(c);
  }
  if (removed.length === 0) return { ...span, fault: "a list of removed channels is not empty" };
  return { ...span, layer: { name: text.value, removed } };
}

function readOp(at: CstNode): OpSyntax | undefined {
  const [result, opName] = [token(at, "Defined"), token(at, "Word")];
  if (!result || !opName) return undefined;
  const args = nodes(at, "argument");
  return {
    result: name(result),
    name: spanned(opName, opName.image),
    operands: args.flatMap((arg) => tokens(arg, "Value").map(name)),
    symbols: args.flatMap((arg) => tokens(arg, "Symbol").map(name)),
    attrs: readAttrs(node(at, "attributes")),
    type: readType(node(at, "type")),
    layer: readLayer(node(at, "layer")),
    origin: readText(node(at, "loc"))?.value,
  };
}

function readOutputs(at: CstNode | undefined): OutputSyntax[] {
  const single = node(at, "type");
  if (single !== undefined) return [{ name: undefined, type: readType(single) }];
  return nodes(at, "output").map((output) => {
    const label = token(output, "Word") ?? token(output, "Text");
    return {
      name: label === undefined ? undefined : spanned(label, unquote(label.image)),
      type: readType(node(output, "type")),
    };
  });
}

/** Whether the error recovery had to skip something in a statement. */
function damaged(at: CstNode): boolean {
  if (at.recoveredNode === true) return true;
  const children = Object.values(at.children).flat();
  return children.some((child) => (isNode(child) ? damaged(child) : !isReal(child)));
}

/** Turns the concrete tree into plain syntax. Statements the parser had to repair are left out, their names kept. */
export function readNet(tree: CstNode): NetSyntax {
  const constants: ConstantSyntax[] = [];
  const ops: OpSyntax[] = [];
  const unreadable = new Set<string>();
  for (const statement of nodes(tree, "statement")) {
    const [constantNode, opNode] = [node(statement, "constant"), node(statement, "operation")];
    const broken = damaged(statement);
    const constant = constantNode === undefined || broken ? undefined : readConstant(constantNode);
    const op = opNode === undefined || broken ? undefined : readOp(opNode);
    if (constant !== undefined) constants.push(constant);
    else if (op !== undefined) ops.push(op);
    const defined = token(opNode, "Defined") ?? token(constantNode, "Symbol");
    if (constant === undefined && op === undefined && defined !== undefined) {
      unreadable.add(defined.image.charAt(0) + name(defined).value);
    }
  }
  const symbol = token(tree, "Symbol");
  const returned = node(tree, "returned");
  return {
    name: symbol === undefined ? { value: "", offset: 0, length: 1 } : name(symbol),
    inputs: nodes(tree, "netInput").flatMap((input) => {
      const value = token(input, "Value");
      return value === undefined ? [] : [{ name: name(value), type: readType(node(input, "type")) }];
    }),
    outputs: readOutputs(node(tree, "outputs")),
    constants,
    ops,
    returned: returned === undefined || damaged(returned) ? undefined : tokens(returned, "Value").map(name),
    unreadable,
  };
}
