import { type Net, type Op } from "./net.js";
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

/** What the graph needs to know of an op. */
export type GraphNode = Pick<Op, "result" | "operands">;

/** Strongly connected groups of ops (Tarjan), producers before consumers; members in no particular order. */
export function connectedGroups<T extends GraphNode>(ops: readonly T[]): readonly (readonly T[])[] {
  const producers = new Map(ops.map((op) => [op.result, op]));
  const index = new Map<T, number>();
  const low = new Map<T, number>();
  const onStack = new Set<T>();
  const stack: T[] = [];
  const found: T[][] = [];

  const close = (root: T): void => {
    const members: T[] = [];
    let member: T | undefined;
    do {
      member = stack.pop();
      if (member === undefined) break;
      onStack.delete(member);
      members.push(member);
    } while (member !== root);
    found.push(members);
  };

  // Iterative, because nets may be thousands of ops deep.
  for (const start of ops) {
    if (index.has(start)) continue;
    const frames: { op: T; next: number }[] = [{ op: start, next: 0 }];
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

/** Whether a strongly connected group is a cycle rather than one op. */
export function isCycle(group: readonly GraphNode[]): boolean {
  const [only] = group;
  return group.length > 1 || (only !== undefined && only.operands.includes(only.result));
}

/**
 * The components of a net, producers before consumers. Ops of a cycle keep the order of the net, with delays last: their
 * outputs are known first, their operands are read at the end of a timestep.
 */
export function components(net: Net): readonly Component[] {
  const position = new Map(net.ops.map((op, i) => [op, i + (op.name === "delay" ? net.ops.length : 0)]));
  const order = (op: Op): number => position.get(op) ?? 0;
  const timesteps = netTimesteps(net);
  return connectedGroups(net.ops).map((group) => ({
    ops: [...group].sort((a, b) => order(a) - order(b)),
    cyclic: isCycle(group),
    timesteps,
  }));
}
