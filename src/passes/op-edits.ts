import { checkOp, valueTypes, type AttrValue, type Net, type Op, type ValueType } from "../ir/index.js";
import { internalError } from "../diagnostics/index.js";
import { ValueNames } from "./rewrite.js";

/** Collects ops to insert and operands to replace in a net; results get numbers that no value has, types are inferred. */
export class OpEdits {
  private readonly types: Map<string, ValueType>;
  private readonly order: ReadonlyMap<Op, number>;
  private readonly inserted = new Map<Op, Op[]>();
  private readonly operands = new Map<Op, readonly string[]>();
  private readonly names: ValueNames;

  constructor(private readonly net: Net) {
    this.types = new Map(valueTypes(net));
    this.names = new ValueNames(net);
    this.order = new Map(net.ops.map((op, i) => [op, i]));
  }

  typeOf(value: string): ValueType {
    const type = this.types.get(value);
    if (type === undefined) throw internalError(`no value %${value}`);
    return type;
  }

  /** These ops of the net, each once, in the net's order. */
  inOrder(ops: readonly Op[]): readonly Op[] {
    return [...new Set(ops)].sort((a, b) => (this.order.get(a) ?? 0) - (this.order.get(b) ?? 0));
  }

  /** Inserts an op directly in front of `before`, behind what was inserted there earlier; returns its result. */
  insert(before: Op, name: string, operands: readonly string[], attrs: Readonly<Record<string, AttrValue>>): string {
    const draft = { name, result: this.names.anonymous(), operands, symbols: [], attrs };
    const types = operands.map((operand) => this.typeOf(operand));
    const checked = checkOp(draft, types, this.net.constants);
    if ("faults" in checked) throw internalError(checked.faults.map((fault) => fault.diagnostic.message).join("; "));
    this.inserted.set(before, [...(this.inserted.get(before) ?? []), { ...draft, type: checked.type }]);
    this.types.set(draft.result, checked.type);
    return draft.result;
  }

  /** Makes operand `index` of an op of the net another value of the same type. */
  replace(op: Op, index: number, value: string): void {
    this.operands.set(
      op,
      (this.operands.get(op) ?? op.operands).map((operand, i) => (i === index ? value : operand)),
    );
  }

  /** The edited net; the same one where nothing was edited. */
  finish(): Net {
    if (this.inserted.size === 0 && this.operands.size === 0) return this.net;
    const ops = this.net.ops.flatMap((op) => {
      const operands = this.operands.get(op);
      return [...(this.inserted.get(op) ?? []), operands === undefined ? op : { ...op, operands }];
    });
    return { ...this.net, ops };
  }
}
