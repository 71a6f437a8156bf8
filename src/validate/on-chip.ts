import { decodeProgram, encodeProgram, type AnyProgram } from "../backends/program/index.js";
import { internalError, Report } from "../diagnostics/index.js";
import { channelsOf, type Op } from "../ir/index.js";
import { LayerTally, type LayerAgreement } from "./agreement.js";

/** What the rungs on both kinds of chip share. */

/** Tallies by layer, in the order in which layers are first met; every mismatch is outside the margin. */
export class ChipTallies {
  private readonly byLayer = new Map<string, LayerTally>();

  /** Compares one timestep of the layer of `op`, which has one. */
  compare(op: Op, expected: ArrayLike<number>, got: ArrayLike<number>, sample: number, timestep: number): void {
    const { name, removed } = op.layer!;
    const tally = this.byLayer.get(name) ?? new LayerTally(name);
    this.byLayer.set(name, tally);
    tally.removedChannels = removed?.length ?? 0;
    tally.compare(Uint8Array.from(expected), got, { sample, timestep, channels: channelsOf(op.type), margin: -1 });
  }

  finish(): readonly LayerAgreement[] {
    return [...this.byLayer.values()].map((tally) => tally.finish());
  }
}

/** Bit for bit: the zeros differ. */
export function sameValues(got: ArrayLike<number> | undefined, expected: ArrayLike<number>): boolean {
  return got?.length === expected.length && Array.from(expected).every((x, i) => Object.is(x, got[i]));
}

/** A program through its file, as everybody gets it. */
export function reload<P extends AnyProgram>(program: P): P {
  const report = new Report();
  const loaded = decodeProgram(encodeProgram(program), "program", report, program.target);
  if (loaded === undefined)
    throw internalError(`the program does not survive its file: ${report.errors[0]?.message ?? ""}`);
  // The target decides the kind of the program.
  return loaded as P;
}
