import type { Constant, Net, Op } from "../ir/index.js";

/** What passes that rewrite ops share: who reads a constant, and names that are free. */

/** How many ops read each constant, as operand or attribute. */
export function constantReaders(net: Net): Map<string, number> {
  const readers = new Map<string, number>();
  for (const op of net.ops) {
    const inAttrs = Object.values(op.attrs).flatMap((v) => (typeof v === "object" && "symbol" in v ? [v.symbol] : []));
    for (const name of [...op.symbols, ...inAttrs]) readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  return readers;
}

/** `name`, or with a number behind it where that is taken. */
export function freeName(name: string, taken: { has(name: string): boolean }): string {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? name : `${name}${n}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** A name for changed weights: the old one when nothing else reads it, else a new one. */
export function changedName(name: string, readers: number, constants: ReadonlyMap<string, Constant>): string {
  return readers <= 1 ? name : freeName(`${name}.folded`, constants);
}

const ANONYMOUS = /^\d+$/;

/** Names for values that a pass adds: derived from the value they serve, numbers where that has only a number. */
export class ValueNames {
  private readonly taken: Set<string>;
  private next = 0;

  constructor(net: Net) {
    this.taken = new Set([...net.inputs.map(({ name }) => name), ...net.ops.map((op) => op.result)]);
  }

  /** A name for a value that serves `base`. */
  add(base: string, suffix: string): string {
    if (ANONYMOUS.test(base)) return this.anonymous();
    const name = freeName(`${base}.${suffix}`, this.taken);
    this.taken.add(name);
    return name;
  }

  /** A number that no value has. */
  anonymous(): string {
    while (this.taken.has(String(this.next))) this.next++;
    const name = String(this.next);
    this.taken.add(name);
    return name;
  }
}

/** The last of a chain of ops that become one: its place and value go to the op that replaces them, with their one layer. */
export function chainIdentity(chain: readonly Op[]): Pick<Op, "result" | "type" | "layer" | "origin"> {
  const last = chain[chain.length - 1];
  if (last === undefined) throw new Error("an empty chain");
  const layer = chain.find((link) => link.layer !== undefined)?.layer;
  const origin = chain[0]?.origin ?? last.origin;
  return {
    result: last.result,
    type: last.type,
    ...(layer === undefined ? {} : { layer }),
    ...(origin === undefined ? {} : { origin }),
  };
}
