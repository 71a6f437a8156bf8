import { didYouMean, type Diagnostic, type DiagnosticDetails } from "../diagnostics/index.js";
import type { Constant } from "./constant.js";
import { irDiagnostics } from "./diagnostics.js";
import type { AttrValue, Op } from "./net.js";
import {
  isProblem,
  OpView,
  problem,
  type AttrDefinition,
  type OpDefinition,
  type Problem,
  type SymbolDefinition,
} from "./op.js";
import { findOp, OPS } from "./ops/index.js";
import { isSpike, printType, type ValueType } from "./types.js";

/** An op before its result type is known: what a builder or parser has. A type is a declared one. */
export type OpDraft = Omit<Op, "type"> & Partial<Pick<Op, "type">>;

/** What at an op a diagnostic is about, so that a parser can put the caret there. */
export type OpPart =
  | { readonly kind: "name" }
  | { readonly kind: "operand"; readonly index: number }
  | { readonly kind: "symbol"; readonly index: number }
  | { readonly kind: "attr"; readonly name: string };

export interface OpFault {
  readonly diagnostic: Diagnostic;
  readonly part: OpPart;
}

export type Checked = { readonly type: ValueType } | { readonly faults: readonly OpFault[] };

function describe(value: AttrValue): string {
  if (typeof value !== "object") return String(value);
  return "symbol" in value ? `@${value.symbol}` : `${value.name}(${value.args.join(", ")})`;
}

/** Says what is wrong with an attribute value, or nothing. */
function attrFault(name: string, value: AttrValue, definition: AttrDefinition): string | undefined {
  const got = `got ${describe(value)}`;
  switch (definition.type) {
    case "int": {
      const max = definition.max ?? 2 ** 31 - 1;
      const legal = typeof value === "number" && Number.isInteger(value) && value >= definition.min && value <= max;
      return legal ? undefined : `\`${name}\` expects an integer in ${definition.min}..${max}, ${got}`;
    }
    case "number":
      return typeof value === "number" && Number.isFinite(value) ? undefined : `\`${name}\` expects a number, ${got}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : `\`${name}\` expects true or false, ${got}`;
    case "word":
      return typeof value === "string" && definition.oneOf.includes(value)
        ? undefined
        : `\`${name}\` expects one of ${definition.oneOf.join(", ")}, ${got}`;
    case "call": {
      const forms = Object.entries(definition.forms).map(([rule, args]) =>
        args.length === 0 ? rule : `${rule}(${args.join(", ")})`,
      );
      const legal =
        typeof value === "object" &&
        "args" in value &&
        Object.hasOwn(definition.forms, value.name) &&
        definition.forms[value.name]?.length === value.args.length &&
        value.args.every(Number.isFinite);
      return legal ? undefined : `\`${name}\` expects one of ${forms.join(", ")}, ${got}`;
    }
    case "number-or-symbol": {
      const legal = typeof value === "number" ? Number.isFinite(value) : typeof value === "object" && "symbol" in value;
      return legal ? undefined : `\`${name}\` expects a number or a constant, ${got}`;
    }
  }
}

function checkAttrs(draft: OpDraft, definition: OpDefinition, constants: ReadonlyMap<string, Constant>): OpFault[] {
  const faults: OpFault[] = [];
  for (const [name, value] of Object.entries(draft.attrs)) {
    const attr = Object.hasOwn(definition.attrs, name) ? definition.attrs[name] : undefined;
    const part: OpPart = { kind: "attr", name };
    if (attr === undefined) {
      const hint = didYouMean(name, Object.keys(definition.attrs));
      faults.push({
        part,
        diagnostic: irDiagnostics.make("unknown-attribute", `\`${draft.name}\` has no attribute \`${name}\``, { hint }),
      });
      continue;
    }
    const message = attrFault(name, value, attr);
    if (message !== undefined) faults.push({ part, diagnostic: irDiagnostics.make("attribute", message) });
    if (typeof value === "object" && "symbol" in value) {
      const fault = symbolFault(value.symbol, "real", constants);
      if (fault !== undefined) faults.push({ part, diagnostic: fault });
    }
  }
  for (const [name, attr] of Object.entries(definition.attrs)) {
    if (attr.default !== undefined || draft.attrs[name] !== undefined || optionalAttr(attr)) continue;
    faults.push({
      part: { kind: "name" },
      diagnostic: irDiagnostics.make("attribute", `\`${draft.name}\` needs \`${name}\`: ${attr.doc}`),
    });
  }
  return faults;
}

/** Per-channel overrides have no default because there is nothing to override. */
function optionalAttr(attr: AttrDefinition): boolean {
  return attr.type === "number-or-symbol" && attr.default === undefined;
}

function symbolFault(
  name: string,
  kind: SymbolDefinition["kind"],
  constants: ReadonlyMap<string, Constant>,
): Diagnostic | undefined {
  const constant = constants.get(name);
  if (constant === undefined) {
    return irDiagnostics.make("unknown-constant", `no constant \`@${name}\``, {
      hint: didYouMean(name, [...constants.keys()].slice(0, 200)),
    });
  }
  if (constant.kind === kind || (kind === "values" && constant.kind !== "weights")) return undefined;
  const expected = kind === "values" ? "real or int" : kind;
  return irDiagnostics.make("constant-kind", `\`@${name}\` is ${constant.kind}, expected ${expected}`);
}

/**
 * Checks one op against its definition and infers its result type. Operand types must be given in order; an operand that
 * does not exist is the caller's to report.
 */
export function checkOp(
  draft: OpDraft,
  operandTypes: readonly ValueType[],
  constants: ReadonlyMap<string, Constant>,
  details: DiagnosticDetails = {},
): Checked {
  const definition = findOp(draft.name);
  if (definition === undefined) {
    const hint = didYouMean(
      draft.name,
      OPS.map((op) => op.name),
    );
    return {
      faults: [
        {
          part: { kind: "name" },
          diagnostic: irDiagnostics.make("unknown-op", `no op \`${draft.name}\``, { ...details, hint }),
        },
      ],
    };
  }
  const faults: OpFault[] = [];
  const count = (what: string, expected: number, got: number): void => {
    if (expected === got) return;
    const message = `\`${draft.name}\` expects ${expected} ${what}, got ${got}`;
    faults.push({ part: { kind: "name" }, diagnostic: irDiagnostics.make("operand-count", message, details) });
  };
  count("operands", definition.operands.length, operandTypes.length);
  count("constants", definition.symbols.length, draft.symbols.length);
  for (const [index, operand] of definition.operands.entries()) {
    const type = operandTypes[index];
    if (type === undefined || operand.accepts === "any" || accepts(operand.accepts, type)) continue;
    const message = `\`${draft.name}\` expects ${operand.accepts} for \`${operand.name}\`, got ${printType(type)}`;
    faults.push({ part: { kind: "operand", index }, diagnostic: irDiagnostics.make("operand-kind", message, details) });
  }
  for (const [index, symbol] of definition.symbols.entries()) {
    const name = draft.symbols[index];
    const fault = name === undefined ? undefined : symbolFault(name, symbol.kind, constants);
    if (fault !== undefined) faults.push({ part: { kind: "symbol", index }, diagnostic: fault });
  }
  faults.push(...checkAttrs(draft, definition, constants));
  if (faults.length > 0) return { faults: faults.map((fault) => located(fault, details)) };
  const inferred = definition.infer(new OpView(draft, definition, operandTypes, constants));
  const result = isProblem(inferred) ? inferred : (wideFault(draft.name, inferred) ?? inferred);
  if (!isProblem(result)) return { type: result };
  const diagnostic = irDiagnostics.make(result.code, result.message, { ...details, hint: result.hint });
  const atChunk = result.code === "chunk" && Object.hasOwn(draft.attrs, "chunk");
  return { faults: [{ part: atChunk ? { kind: "attr", name: "chunk" } : { kind: "name" }, diagnostic }] };
}

/** Faults of attributes and constants lie where the op lies. */
function located(fault: OpFault, { location }: DiagnosticDetails): OpFault {
  if (location === undefined || fault.diagnostic.location !== undefined) return fault;
  return { ...fault, diagnostic: { ...fault.diagnostic, location } };
}

/** Integers are held in 32 bits; a result whose range needs more cannot be computed exactly. */
function wideFault(name: string, { number }: ValueType): Problem | undefined {
  if (number.kind === "real" || (number.lo >= -(2 ** 31) && number.hi < 2 ** 31)) return undefined;
  return problem("overflow", `\`${name}\` can reach ${number.lo}..${number.hi}, a value holds 32 bits`);
}

function accepts(kind: "real" | "int" | "spike", type: ValueType): boolean {
  return kind === "spike" ? isSpike(type) : type.number.kind === kind;
}
