import { turned, type Access } from "./script.js";

/** What an engine asks of a memory up to a cycle, if nobody takes a port from it: known at once, and asked about cycle by cycle. */
export class Stretch {
  constructor(
    /** The first cycle of which nothing is known. */
    readonly until: number,
    /** From cycle `base` on: its accesses, with banks `turn` lower than they are, modulo `banks`. Nothing where undefined. */
    private readonly accesses?: Int32Array,
    private readonly base = 0,
    private readonly turn = 0,
    private readonly banks = 1,
  ) {}

  /** Whether the engine asks for the same bank in a cycle before `until`. */
  meets(access: Access, cycle: number): boolean {
    return this.accesses !== undefined && turned(this.accesses[cycle - this.base]!, this.turn, this.banks) === access;
  }
}

/** Nothing is known. */
export const UNKNOWN = new Stretch(-Infinity);

/** Nobody asks for anything, ever. */
export const NOBODY = new Stretch(Infinity);
