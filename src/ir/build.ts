import { DiagnosticError, internalError } from "../diagnostics/index.js";
import { checkOp } from "./check.js";
import type { Constant } from "./constant.js";
import type { AttrValue, Net, NetInput, NetOutput, Op } from "./net.js";
import type { ValueType } from "./types.js";

export interface OpOptions {
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly symbols?: readonly string[];
  /** Name of the result; a free number if absent. */
  readonly result?: string;
  /** Of an op without operands: the type of its result. */
  readonly type?: ValueType;
  readonly layer?: string;
  readonly origin?: string;
}

/** Builds a net op by op; every op is checked when it is added. */
export class NetBuilder {
  private readonly inputs: NetInput[] = [];
  private readonly outputs: NetOutput[] = [];
  private readonly ops: Op[] = [];
  private readonly constants = new Map<string, Constant>();
  private readonly types = new Map<string, ValueType>();
  private next = 0;

  constructor(private readonly name: string) {}

  input(name: string, type: ValueType): string {
    this.inputs.push({ name, type });
    this.types.set(name, type);
    return name;
  }

  constant(name: string, constant: Constant): string {
    this.constants.set(name, constant);
    return name;
  }

  typeOf(value: string): ValueType {
    const type = this.types.get(value);
    if (type === undefined) throw internalError(`no value %${value}`);
    return type;
  }

  /** Adds an op and returns its value; throws a {@link DiagnosticError} when the op violates its definition. */
  op(name: string, operands: readonly string[], options: OpOptions = {}): string {
    const result = options.result ?? String(this.next++);
    const draft = {
      name,
      result,
      operands,
      symbols: options.symbols ?? [],
      attrs: options.attrs ?? {},
      ...(options.type === undefined ? {} : { type: options.type }),
      ...(options.layer === undefined ? {} : { layer: { name: options.layer } }),
      ...(options.origin === undefined ? {} : { origin: options.origin }),
    };
    const location = options.origin === undefined ? undefined : ({ kind: "file", file: options.origin } as const);
    const checked = checkOp(
      draft,
      operands.map((operand) => this.typeOf(operand)),
      this.constants,
      { location },
    );
    if ("faults" in checked) throw new DiagnosticError(checked.faults[0]!.diagnostic);
    this.ops.push({ ...draft, type: checked.type });
    this.types.set(result, checked.type);
    return result;
  }

  output(name: string, value: string): void {
    this.outputs.push({ name, value });
  }

  finish(): Net {
    return { name: this.name, inputs: this.inputs, outputs: this.outputs, ops: this.ops, constants: this.constants };
  }
}
