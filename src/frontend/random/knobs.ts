import type { Net, Op } from "../../ir/index.js";

/**
 * How the current of a neuron depends on a batch norm: from the norm through additions to a stream, max-pools and means over
 * positions, all of which keep the form base + gamma * unit + beta.
 */
export interface Knob {
  readonly norm: Op;
  /** Ops between the norm and the neuron, in order. */
  readonly path: readonly Op[];
}

/** What sets the rate of a neuron layer: a batch norm of its own, or the neurons it depends on. */
export type Control =
  { readonly kind: "own"; readonly knob: Knob } | { readonly kind: "through"; readonly neurons: readonly Op[] };

const PASSED = new Set(["stream.add", "pool.max", "reduce.mean-positions"]);

/**
 * Finds what controls each neuron layer of a net. A batch norm belongs to the first neuron, in the order of the net, that it
 * reaches; a neuron that is left without one is controlled through the nearest neurons before it.
 */
export function findControls(net: Net): ReadonlyMap<Op, Control> {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const position = new Map(net.ops.map((op, i) => [op, i]));
  const taken = new Set<Op>();
  const controls = new Map<Op, Control>();

  /** The latest free norm behind a value, and the ops to it; a value is walked once per neuron, streams join in chains. */
  const search = (value: string): Knob | undefined => {
    let best: Knob | undefined;
    const seen = new Set<string>();
    const pending: { value: string; path: readonly Op[] }[] = [{ value, path: [] }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const op = producers.get(next.value);
      if (op === undefined || seen.has(next.value)) continue;
      seen.add(next.value);
      if (op.name === "norm.batch") {
        // A max-pool after an addition mixes base and unit; such a path has no simple form.
        const names = next.path.map(({ name }) => name);
        const mixed = names.includes("stream.add") && names.lastIndexOf("pool.max") > names.indexOf("stream.add");
        const later = best === undefined || (position.get(op) ?? 0) > (position.get(best.norm) ?? 0);
        if (!taken.has(op) && !mixed && later) best = { norm: op, path: next.path };
      } else if (PASSED.has(op.name) && !isSettled(op)) {
        for (const operand of op.operands) pending.push({ value: operand, path: [op, ...next.path] });
      }
    }
    return best;
  };

  /** Values that an earlier neuron has read have no free norm behind them: the walk ends there, so it stays linear. */
  const settled = new Set<string>();
  const isSettled = (op: Op): boolean => settled.has(op.result);

  const neuronsBefore = (value: string): readonly Op[] => {
    const found = new Set<Op>();
    const seen = new Set<string>();
    const pending = [value];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const op = producers.get(name);
      if (op === undefined || seen.has(name)) continue;
      seen.add(name);
      if (op.name === "neuron.lif") found.add(op);
      else pending.push(...op.operands);
    }
    return [...found].sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0));
  };

  for (const op of net.ops) {
    if (op.name !== "neuron.lif" || op.layer === undefined) continue;
    const [operand = ""] = op.operands;
    const knob = search(operand);
    settled.add(operand);
    if (knob === undefined) {
      controls.set(op, { kind: "through", neurons: neuronsBefore(operand) });
    } else {
      taken.add(knob.norm);
      controls.set(op, { kind: "own", knob });
    }
  }
  return controls;
}
