import { components, isSpike, usersOf, valueTypes, type Net, type Op, type ValueType } from "../ir/index.js";

/**
 * A branch of a residual stream: x feeds a neuron, what follows from its spikes is added to x again.
 *
 *   s = neuron(x), b = ...(s), y = x + b
 */
export interface Branch {
  /** The neuron that turns the stream into spikes. */
  readonly neuron: Op;
  /** The addition that returns to the stream, and which of its operands is the branch's result. */
  readonly add: Op;
  readonly result: number;
  /** The ops between the neuron and the addition, in the net's order; no other op and no output reads their results. */
  readonly inner: readonly Op[];
}

/** Whether values of this type can be 0, which is what a branch adds for a token that is left out. */
function hasZero({ number }: ValueType): boolean {
  return number.kind === "real" || (number.lo <= 0 && number.hi >= 0);
}

/** Ops from which `value` follows, going back no further than `stop`. */
function ancestors(value: string, stop: string, producers: ReadonlyMap<string, Op>): ReadonlySet<Op> {
  const found = new Set<Op>();
  const pending = [value];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const op = name === stop ? undefined : producers.get(name);
    if (op === undefined || found.has(op)) continue;
    found.add(op);
    pending.push(...op.operands);
  }
  return found;
}

/** Ops that follow from `value`. */
function descendants(value: string, users: ReadonlyMap<string, readonly Op[]>): ReadonlySet<Op> {
  const found = new Set<Op>();
  const pending = [value];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    for (const op of users.get(name) ?? []) {
      if (found.has(op)) continue;
      found.add(op);
      pending.push(op.result);
    }
  }
  return found;
}

/** The branches of all streams of a net. Those within a cycle are left out: nothing there can wait for a decision. */
export function findBranches(net: Net): readonly Branch[] {
  const types = valueTypes(net);
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const users = usersOf(net);
  const outputs = new Set(net.outputs.map((output) => output.value));
  const cyclic = new Set(components(net).flatMap((component) => (component.cyclic ? component.ops : [])));

  const branchOf = (add: Op, result: number): Branch | undefined => {
    const stream = add.operands[1 - result] ?? "";
    const value = add.operands[result] ?? "";
    const before = ancestors(value, stream, producers);
    const [neuron, ...more] = [...before].filter((op) => op.operands.includes(stream));
    if (neuron === undefined || more.length > 0 || !neuron.name.startsWith("neuron.")) return undefined;
    const spikes = types.get(neuron.result);
    if (spikes === undefined || !isSpike(spikes)) return undefined;
    const after = descendants(neuron.result, users);
    const inner = net.ops.filter((op) => before.has(op) && after.has(op));
    const own = new Set([...inner, add]);
    const isPrivate = inner.every(
      (op) => !outputs.has(op.result) && (users.get(op.result) ?? []).every((user) => own.has(user)),
    );
    const last = producers.get(value);
    const usable = last !== undefined && hasZero(last.type) && isPrivate && ![neuron, add].some((op) => cyclic.has(op));
    return usable ? { neuron, add, result, inner } : undefined;
  };
  return net.ops
    .filter((op) => op.name === "stream.add" && op.operands[0] !== op.operands[1])
    .flatMap((add) => branchOf(add, 0) ?? branchOf(add, 1) ?? []);
}
