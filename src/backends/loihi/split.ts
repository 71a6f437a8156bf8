import { valueTypes, type Net, type Op } from "../../ir/index.js";
import { endsPrefix, isSpiking } from "./support.js";

/**
 * Which part of a net the host computes. In front: the ops that have no form as neurons (`to-int`, real max-pools) and all that
 * they are computed from. Behind: from the last spikes to the outputs. The chip has the rest; nothing else moves to the host.
 */
export interface Split {
  readonly prefix: readonly Op[];
  readonly chip: readonly Op[];
  readonly suffix: readonly Op[];
  /** Values of the prefix, or inputs of the net, that the chip and the suffix read. */
  readonly chipReads: readonly string[];
  readonly suffixReads: readonly string[];
  /** Spikes of the chip that the suffix reads or that are outputs. */
  readonly chipOutputs: readonly string[];
}

/** The ops that values are computed from, up to those where `stop` holds; these are in `ends`, with inputs of the net. */
function behind(
  producers: ReadonlyMap<string, Op>,
  values: readonly string[],
  stop: (op: Op) => boolean,
): { readonly ops: ReadonlySet<Op>; readonly ends: ReadonlySet<string> } {
  const ops = new Set<Op>();
  const ends = new Set<string>();
  const todo = [...values];
  for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
    const op = producers.get(value);
    if (op === undefined || stop(op)) ends.add(value);
    else if (!ops.has(op)) {
      ops.add(op);
      todo.push(...op.operands);
    }
  }
  return { ops, ends };
}

export function splitNet(net: Net): Split {
  const types = valueTypes(net);
  const typeOf = (value: string) => types.get(value)!;
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const outputs = net.outputs.map(({ value }) => value);
  // What stands behind the last spikes is the host's anyway and ends nothing.
  const lastSpikes = behind(producers, outputs, (op) => isSpiking(op, typeOf)).ends;
  const spiking = behind(producers, [...lastSpikes], () => false).ops;
  const cuts = [...spiking].filter((op) => endsPrefix(op, typeOf)).map((op) => op.result);
  const front = behind(producers, cuts, () => false).ops;
  const inFront = (op: Op): boolean => front.has(op);

  const suffix = behind(producers, outputs, (op) => inFront(op) || isSpiking(op, typeOf));
  const ofChip = (value: string): boolean => {
    const op = producers.get(value);
    return op !== undefined && !inFront(op);
  };
  const chipOutputs = [...suffix.ends].filter(ofChip);
  const chip = behind(producers, chipOutputs, inFront);

  // Of the prefix only what is read.
  const needed = [...chip.ends, ...suffix.ends].filter((value) => !ofChip(value));
  const prefix = behind(producers, needed, () => false).ops;
  const inOrder = (ops: ReadonlySet<Op>): readonly Op[] => net.ops.filter((op) => ops.has(op));
  return {
    prefix: inOrder(prefix),
    chip: inOrder(chip.ops),
    suffix: inOrder(suffix.ops),
    chipReads: [...chip.ends],
    suffixReads: [...suffix.ends],
    chipOutputs,
  };
}
