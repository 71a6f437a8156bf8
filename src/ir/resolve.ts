import { didYouMean, type Diagnostic, type DiagnosticDetails, type Location, type Note } from "../diagnostics/index.js";
import { checkOp, type OpDraft, type OpPart } from "./check.js";
import type { Constant } from "./constant.js";
import { irDiagnostics } from "./diagnostics.js";
import type { AttrValue, LayerIdentity, Net, NetInput, NetOutput, Op } from "./net.js";
import { findOp } from "./ops/index.js";
import { DEFAULT_OUTPUT } from "./print.js";
import { resolveConstant } from "./resolve-constants.js";
import type { LayerSyntax, NetSyntax, OpSyntax, Span, Spanned, TypeSyntax } from "./syntax.js";
import { printType, sameType, type ValueType } from "./types.js";
import { instantCycles, orderDiagnostic, structureFaults, type Subject } from "./verify.js";

type Code = Parameters<typeof irDiagnostics.make>[0];

/** Reports a fault at a place in the text; returns nothing, so that it can end a reader. */
export type Complain = (code: Code, message: string, at: Span, details?: DiagnosticDetails) => undefined;

/** A text with more faults than this is no net; the rest is not looked at. */
export const MOST_FAULTS = 100;

/** Names that a hint chooses from. */
const MOST_CANDIDATES = 200;

export interface Resolved {
  readonly net?: Net;
  readonly diagnostics: readonly Diagnostic[];
}

/** Looks up names, infers types and checks every rule; see {@link resolveNet}. */
class Resolver {
  readonly diagnostics: Diagnostic[] = [];
  private readonly constants = new Map<string, Constant>();
  /** Types of the values known so far; undefined where the definition is faulty, so that its users are not blamed. */
  private readonly types = new Map<string, ValueType | undefined>();
  private readonly definitions = new Map<string, Spanned<string>>();
  private readonly ops: Op[] = [];
  private cyclic: ReadonlySet<string> | undefined;

  constructor(
    private readonly syntax: NetSyntax,
    private readonly file: string,
    private readonly source: string,
    /** The header has syntax errors, so values may be unknown because of them. */
    private readonly headerDamaged: boolean,
  ) {}

  private location({ offset, length }: Span): Location {
    return { kind: "text", file: this.file, source: this.source, offset, length };
  }

  private readonly complain: Complain = (code, message, at, details = {}) => {
    this.add(irDiagnostics.make(code, message, { ...details, location: this.location(at) }));
  };

  private add(diagnostic: Diagnostic): void {
    this.diagnostics.push(diagnostic);
  }

  private get full(): boolean {
    return this.diagnostics.length >= MOST_FAULTS;
  }

  private defined(at: Span, message = "defined here"): Note[] {
    return [{ message, location: this.location(at) }];
  }

  /** Registers a name; false when it is taken. */
  private define(name: Spanned<string>): boolean {
    const before = this.definitions.get(name.value);
    if (before === undefined) {
      this.definitions.set(name.value, name);
      return true;
    }
    const notes = this.defined(before, "the first definition");
    this.complain("duplicate-value", `\`%${name.value}\` is defined twice`, name, { notes });
    return false;
  }

  /** The written type, or nothing when it is absent or faulty. */
  private typeOf(syntax: TypeSyntax | undefined): ValueType | undefined {
    if (syntax === undefined) return undefined;
    if ("type" in syntax) return syntax.type;
    return this.complain("syntax", syntax.fault, syntax);
  }

  /** The written identity, or nothing when it is absent or faulty. */
  private layerOf(syntax: LayerSyntax | undefined): LayerIdentity | undefined {
    if (syntax === undefined) return undefined;
    if ("layer" in syntax) return syntax.layer;
    return this.complain("layer", syntax.fault, syntax);
  }

  readConstants(given: ReadonlyMap<string, Constant>): void {
    const seen = new Map<string, Span>();
    for (const syntax of this.syntax.constants) {
      if (this.full) return;
      const { name } = syntax;
      const before = seen.get(name.value);
      if (before !== undefined) {
        const notes = this.defined(before, "the first definition");
        this.complain("duplicate-value", `constant \`@${name.value}\` is defined twice`, name, { notes });
        continue;
      }
      seen.set(name.value, name);
      const constant = resolveConstant(syntax, given, this.complain);
      if (constant !== undefined) this.constants.set(name.value, constant);
    }
    this.declaredConstants = new Set(seen.keys());
  }

  /** Constants with a declaration, also a faulty one. */
  private declaredConstants: ReadonlySet<string> = new Set();

  readInputs(): NetInput[] {
    return this.syntax.inputs.flatMap(({ name, type }) => {
      const known = this.typeOf(type);
      if (!this.define(name)) return [];
      this.types.set(name.value, known);
      return known === undefined ? [] : [{ name: name.value, type: known }];
    });
  }

  readOps(): void {
    const first = new Map<string, OpSyntax>();
    for (const op of this.syntax.ops) {
      if (this.full) return;
      if (this.define(op.result)) first.set(op.result.value, op);
    }
    const forward: { op: OpSyntax; declared: ValueType }[] = [];
    for (const op of this.syntax.ops) {
      if (this.full) return;
      const declared = this.typeOf(op.type);
      const type = this.readOp(op, declared, forward) ?? declared;
      if (first.get(op.result.value) === op) this.types.set(op.result.value, type);
    }
    for (const { op, declared } of forward) this.checkForward(op, declared);
  }

  /** A delay was read with its declared type; the value it delays must have it. */
  private checkForward(op: OpSyntax, declared: ValueType): void {
    const [operand] = op.operands;
    const actual = operand === undefined ? undefined : this.types.get(operand.value);
    if (operand === undefined || actual === undefined || sameType(actual, declared)) return;
    const definition = this.definitions.get(operand.value);
    const message = `\`%${op.result.value}\` is declared ${printType(declared)}, it delays ${printType(actual)}`;
    this.complain("type-mismatch", message, op.type ?? op.name, {
      notes: definition === undefined ? [] : this.defined(definition),
      hint: `write ${printType(actual)}`,
    });
  }

  /** Types of the operands; nothing when one is faulty or unknown. */
  private operandTypes(
    op: OpSyntax,
    declared: ValueType | undefined,
    forward: { op: OpSyntax; declared: ValueType }[],
  ): ValueType[] | undefined {
    const types: ValueType[] = [];
    let known = true;
    for (const operand of op.operands) {
      const type = this.types.get(operand.value);
      if (type !== undefined) types.push(type);
      else if (op.name.value === "delay" && this.isLater(operand.value)) {
        if (declared !== undefined) {
          types.push(declared);
          forward.push({ op, declared });
          continue;
        }
        known = false;
        if (op.type !== undefined) continue;
        const message = `\`delay\` of \`%${operand.value}\`, which is defined later, needs a type`;
        this.complain("type-mismatch", message, op.name, { hint: "write `: ` and the type of the delayed value" });
      } else {
        known = false;
        if (!this.types.has(operand.value)) this.complainUnknown(op, operand);
      }
    }
    return known ? types : undefined;
  }

  private isLater(name: string): boolean {
    return this.definitions.has(name) && !this.types.has(name);
  }

  private complainUnknown(op: OpSyntax, operand: Spanned<string>): void {
    const definition = this.definitions.get(operand.value);
    if (definition === undefined) {
      if (this.headerDamaged || this.syntax.unreadable.has(`%${operand.value}`)) return;
      const hint = didYouMean(operand.value, [...this.types.keys()].slice(-MOST_CANDIDATES));
      this.complain("unknown-value", `no value \`%${operand.value}\``, operand, { hint });
      return;
    }
    this.cyclic ??= instantCycles(
      this.syntax.ops.map(({ name, result, operands }) => ({
        name: name.value,
        result: result.value,
        operands: operands.map((o) => o.value),
      })),
    );
    const details = { location: this.location(operand), notes: this.defined(definition) };
    this.add(orderDiagnostic(operand.value, op.result.value, this.cyclic, details));
  }

  private readAttrs(op: OpSyntax): Record<string, AttrValue> {
    const definition = findOp(op.name.value);
    const attrs = new Map<string, { name: Span; value: AttrValue }>();
    for (const { name, value } of op.attrs) {
      const before = attrs.get(name.value);
      if (before !== undefined) {
        const notes = this.defined(before.name, "the first one");
        this.complain("attribute", `\`${name.value}\` is given twice`, name, { notes });
        continue;
      }
      const declared = Object.hasOwn(definition?.attrs ?? {}, name.value) ? definition?.attrs[name.value] : undefined;
      const isRule = declared?.type === "call" && typeof value.value === "string";
      attrs.set(name.value, { name, value: isRule ? { name: String(value.value), args: [] } : value.value });
    }
    return Object.fromEntries([...attrs].map(([name, { value }]) => [name, value]));
  }

  /** Checks one op; returns its type, or nothing when it is faulty. */
  private readOp(
    op: OpSyntax,
    declared: ValueType | undefined,
    forward: { op: OpSyntax; declared: ValueType }[],
  ): ValueType | undefined {
    const attrs = this.readAttrs(op);
    const layer = this.layerOf(op.layer);
    const types = this.operandTypes(op, declared, forward);
    const draft: OpDraft = {
      name: op.name.value,
      result: op.result.value,
      operands: op.operands.map((operand) => operand.value),
      symbols: op.symbols.map((symbol) => symbol.value),
      attrs,
      ...(layer === undefined ? {} : { layer }),
      ...(op.origin === undefined ? {} : { origin: op.origin }),
      ...(declared === undefined ? {} : { type: declared }),
    };
    const unknownOp = findOp(draft.name) === undefined;
    if (types === undefined && !unknownOp) return undefined;
    const checked = checkOp(draft, types ?? [], this.constants);
    if ("faults" in checked) {
      for (const { diagnostic, part } of checked.faults) {
        if (this.blameless(diagnostic, part, draft)) continue;
        this.add({ ...diagnostic, location: this.location(partSpan(op, part, diagnostic.code)) });
      }
      return undefined;
    }
    if (declared !== undefined && !sameType(declared, checked.type) && op.type !== undefined) {
      const message = `\`%${draft.result}\` is declared ${printType(declared)}, its operands give ${printType(checked.type)}`;
      this.complain("type-mismatch", message, op.type, { hint: `write ${printType(checked.type)}` });
    }
    this.ops.push({ ...draft, type: checked.type });
    return checked.type;
  }

  /** A constant that is declared, but faulty, was complained about where it is declared. */
  private blameless(diagnostic: Diagnostic, part: OpPart, draft: OpDraft): boolean {
    if (diagnostic.code !== "ir/unknown-constant") return false;
    const value = part.kind === "attr" ? draft.attrs[part.name] : undefined;
    const ofAttr = typeof value === "object" && "symbol" in value ? value.symbol : undefined;
    const name = part.kind === "symbol" ? draft.symbols[part.index] : ofAttr;
    if (name === undefined) return false;
    return this.declaredConstants.has(name) || this.syntax.unreadable.has(`@${name}`);
  }

  readOutputs(): NetOutput[] {
    const { outputs, returned } = this.syntax;
    if (returned === undefined) return [];
    if (outputs.length !== returned.length) {
      const message = `the net declares ${outputs.length} outputs and returns ${returned.length}`;
      const [at] = returned;
      this.complain("operand-count", message, at ?? this.syntax.name);
      return [];
    }
    return returned.flatMap((value, index): NetOutput[] => {
      const output = outputs[index];
      const type = this.types.get(value.value);
      if (!this.types.has(value.value) && !this.definitions.has(value.value)) {
        if (this.headerDamaged || this.syntax.unreadable.has(`%${value.value}`)) return [];
        const hint = didYouMean(value.value, [...this.types.keys()].slice(-MOST_CANDIDATES));
        this.complain("unknown-value", `no value \`%${value.value}\``, value, { hint });
        return [];
      }
      const declared = this.typeOf(output?.type);
      if (type !== undefined && declared !== undefined && !sameType(type, declared) && output?.type !== undefined) {
        const name = output.name?.value ?? DEFAULT_OUTPUT;
        const message = `output \`${name}\` is declared ${printType(declared)}, \`%${value.value}\` is ${printType(type)}`;
        this.complain("type-mismatch", message, output.type, {
          notes: this.defined(this.definitions.get(value.value) ?? value),
          hint: `write ${printType(type)}`,
        });
      }
      return [{ name: output?.name?.value ?? DEFAULT_OUTPUT, value: value.value }];
    });
  }

  /** The net, once nothing is wrong with its parts. */
  finish(inputs: readonly NetInput[], outputs: readonly NetOutput[]): Net | undefined {
    if (this.diagnostics.length > 0) return undefined;
    const net: Net = { name: this.syntax.name.value, inputs, outputs, ops: this.ops, constants: this.constants };
    const faults = structureFaults(net);
    if (faults.length === 0) return net;
    const position = new Map(net.ops.map((op, index) => [op, this.syntax.ops[index]]));
    for (const { diagnostic, subject } of faults.slice(0, MOST_FAULTS)) {
      this.add({ ...diagnostic, location: this.location(this.subjectSpan(subject, position, diagnostic.code)) });
    }
    return undefined;
  }

  private subjectSpan(subject: Subject, position: ReadonlyMap<Op, OpSyntax | undefined>, code: string): Span {
    const { name, inputs, returned } = this.syntax;
    switch (subject.kind) {
      case "op": {
        const op = position.get(subject.op);
        if (op === undefined) return name;
        if (code === "ir/duplicate-layer" || code === "ir/layer") return op.layer ?? op.name;
        return partSpan(op, subject.part, code);
      }
      case "input":
        return inputs[subject.index]?.type ?? name;
      case "output":
        return returned?.[subject.index] ?? name;
      case "constant":
        return name;
    }
  }
}

/** Where in the text a part of an op is. */
function partSpan(op: OpSyntax, part: OpPart, code: string): Span {
  switch (part.kind) {
    case "name":
      return op.name;
    case "operand":
      return op.operands[part.index] ?? op.name;
    case "symbol":
      return op.symbols[part.index] ?? op.name;
    case "attr": {
      const attr = op.attrs.find(({ name }) => name.value === part.name);
      if (attr === undefined) return op.name;
      return code === "ir/unknown-attribute" ? attr.name : attr.value;
    }
  }
}

/** Turns syntax into a net. `headerDamaged` keeps values quiet that are unknown only because the header has errors. */
export function resolveNet(
  syntax: NetSyntax,
  file: string,
  source: string,
  given: ReadonlyMap<string, Constant>,
  headerDamaged: boolean,
): Resolved {
  const resolver = new Resolver(syntax, file, source, headerDamaged);
  resolver.readConstants(given);
  const inputs = resolver.readInputs();
  resolver.readOps();
  const outputs = resolver.readOutputs();
  const net = resolver.finish(inputs, outputs);
  return { ...(net === undefined ? {} : { net }), diagnostics: resolver.diagnostics };
}
