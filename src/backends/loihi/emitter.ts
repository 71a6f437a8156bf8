import { internalError } from "../../diagnostics/index.js";
import {
  checkOp,
  sameConstant,
  type AttrValue,
  type Constant,
  type LayerIdentity,
  type Net,
  type NetInput,
  type Op,
  type OpDraft,
  type ValueType,
} from "../../ir/index.js";

export interface EmitOptions {
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly symbols?: readonly string[];
  readonly layer?: LayerIdentity | undefined;
  readonly origin?: string | undefined;
}

/** Writes the ops of a legal net: names that are free, types that follow. Illegal ops are bugs of ours. */
export class Emitter {
  readonly ops: Op[] = [];
  private readonly constants = new Map<string, Constant>();
  private readonly types = new Map<string, ValueType>();

  constructor(readonly inputs: readonly NetInput[]) {
    for (const { name, type } of inputs) this.types.set(name, type);
  }

  /** Declares a value that is defined later, for delays that refer forward. */
  declare(value: string, type: ValueType): void {
    this.types.set(value, type);
  }

  typeOf(value: string): ValueType {
    const type = this.types.get(value);
    if (type === undefined) throw internalError(`no value %${value}`);
    return type;
  }

  free(name: string): string {
    if (!this.types.has(name)) return name;
    for (let n = 2; ; n++) if (!this.types.has(`${name}${n}`)) return `${name}${n}`;
  }

  /** Adds an op with this result. */
  define(result: string, name: string, operands: readonly string[], options: EmitOptions = {}): string {
    const { attrs = {}, symbols = [], layer, origin } = options;
    const identity = { ...(layer === undefined ? {} : { layer }), ...(origin === undefined ? {} : { origin }) };
    const draft: OpDraft = { name, result, operands, symbols, attrs, ...identity };
    const operandTypes = operands.map((operand) => this.typeOf(operand));
    const checked = checkOp(draft, operandTypes, this.constants);
    if ("faults" in checked) throw internalError(`${name}: ${checked.faults[0]?.diagnostic.message}`);
    this.ops.push({ ...draft, type: checked.type });
    this.types.set(result, checked.type);
    return result;
  }

  /** Adds an op with a result of a free name that begins with `base`. */
  add(base: string, name: string, operands: readonly string[], options: EmitOptions = {}): string {
    return this.define(this.free(base), name, operands, options);
  }

  /** Adds a constant under this name, or another where that holds other values. */
  constant(name: string, constant: Constant): string {
    let free = name;
    for (let n = 2; ; n++) {
      const known = this.constants.get(free);
      if (known === undefined || sameConstant(known, constant)) break;
      free = `${name}.${n}`;
    }
    this.constants.set(free, constant);
    return free;
  }

  finish(name: string, outputs: Net["outputs"]): Net {
    return { name, inputs: this.inputs, outputs, ops: this.ops, constants: this.constants };
  }
}
