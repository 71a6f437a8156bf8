import { valueTypes, type Net, type Op } from "./net.js";
import { timestepsOf } from "./types.js";

/** Ops that must be evaluated together: one op, or the ops of a cycle in an order that needs only delayed values first. */
export interface Component {
  readonly ops: readonly Op[];
  readonly cyclic: boolean;
  readonly timesteps: number;
}

/** Timesteps of a net: those of any of its values. */
export function netTimesteps(net: Net): number {
  const type = net.inputs[0]?.type ?? net.ops[0]?.type;
  return type === undefined ? 0 : timestepsOf(type.time);
}

/**
 * Strongly connected components of the value graph (Tarjan), producers before consumers. Ops of a cycle keep the order of
 * the net, with delays last: their outputs are known first, their operands are read at the end of a timestep.
 */
export function components(net: Net): readonly Component[] {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const position = new Map(net.ops.map((op, i) => [op, i]));
  const index = new Map<Op, number>();
  const low = new Map<Op, number>();
  const onStack = new Set<Op>();
  const stack: Op[] = [];
  const found: Component[] = [];
  const timesteps = netTimesteps(net);

  const close = (root: Op): void => {
    const members: Op[] = [];
    let member: Op | undefined;
    do {
      member = stack.pop();
      if (member === undefined) break;
      onStack.delete(member);
      members.push(member);
    } while (member !== root);
    const order = (op: Op): number => (position.get(op) ?? 0) + (op.name === "delay" ? net.ops.length : 0);
    members.sort((a, b) => order(a) - order(b));
    const cyclic = members.length > 1 || root.operands.includes(root.result);
    found.push({ ops: members, cyclic, timesteps });
  };

  // Iterative, because nets may be thousands of ops deep.
  for (const start of net.ops) {
    if (index.has(start)) continue;
    const frames: { op: Op; next: number }[] = [{ op: start, next: 0 }];
    while (frames.length > 0) {
      const frame = frames[frames.length - 1]!;
      const { op } = frame;
      if (frame.next === 0) {
        index.set(op, index.size);
        low.set(op, index.get(op) ?? 0);
        stack.push(op);
        onStack.add(op);
      }
      const producer = producers.get(op.operands[frame.next] ?? "");
      const done = frame.next >= op.operands.length;
      frame.next++;
      if (!done) {
        if (producer === undefined) continue;
        if (!index.has(producer)) frames.push({ op: producer, next: 0 });
        else if (onStack.has(producer)) low.set(op, Math.min(low.get(op) ?? 0, index.get(producer) ?? 0));
        continue;
      }
      if (low.get(op) === index.get(op)) close(op);
      frames.pop();
      const parent = frames[frames.length - 1]?.op;
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent) ?? 0, low.get(op) ?? 0));
    }
  }
  return found;
}

/** All values of a net in definition order, with types; for listings. */
export function allValues(net: Net): readonly string[] {
  return [...valueTypes(net).keys()];
}
