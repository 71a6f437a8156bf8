import type { LayerwiseChip } from "../../../chips/layerwise.js";
import { engineOf, MEMORIES, type Instruction } from "../../program/instruction.js";
import type { Timeline } from "./timeline.js";
import type { Work } from "./work.js";

/**
 * Works whose transfers take as long as ports leave them. Loads and stores run beside the accumulate engine, which has the higher
 * priority in the memories that it uses. While an instruction of it runs that takes a port in a fraction rho of the cycles
 * (accesses per cycle over banks x ports), a transfer makes 1 - rho accesses per cycle. Other engines work one after the other on
 * the same maps and rarely meet.
 */
export function withPortWaits(
  instructions: readonly Instruction[],
  works: readonly Work[],
  { starts, ends }: Timeline,
  chip: LayerwiseChip,
): readonly Work[] {
  const sums = instructions.flatMap(({ op }, i) => (engineOf(op) === "accumulate" ? [i] : []));
  const slowed = [...works];
  for (const transfer of ["load", "store"] as const) {
    if (chip.priority.indexOf(transfer) < chip.priority.indexOf("accumulate")) continue;
    let first = 0;
    for (const [i, { op }] of instructions.entries()) {
      const work = works[i];
      const [start, end] = [starts[i] ?? 0, ends[i] ?? 0];
      if (op !== transfer || work === undefined) continue;
      // Both engines work in order, so what ended before this transfer began meets no later one.
      while (first < sums.length && (ends[sums[first]!] ?? 0) < start) first++;
      let extra = 0;
      for (let s = first; s < sums.length && (starts[sums[s]!] ?? 0) < end; s++) {
        const other = sums[s]!;
        const beside = Math.min(end, ends[other]!) - Math.max(start, starts[other]!);
        // The progress that is lost while both run is made up for afterwards.
        extra += beside * (1 - work.cycles / besideCycles(work, works[other]!, chip));
      }
      slowed[i] = { ...work, cycles: work.cycles + extra };
    }
  }
  return slowed;
}

/** Cycles of a transfer that runs beside an accumulate from its first to its last access. */
function besideCycles(transfer: Work, sum: Work, { memories }: LayerwiseChip): number {
  let cycles = transfer.cycles;
  for (const name of MEMORIES) {
    const { banks, ports } = memories[name];
    const rho = Math.min(MOST_TAKEN, sum.accesses[name] / Math.max(1, sum.cycles) / (banks * ports));
    cycles = Math.max(cycles, transfer.accesses[name] / (1 - rho));
  }
  return cycles;
}

/** An engine never takes all cycles of a bank for long: write phases and waits for operands leave gaps. */
const MOST_TAKEN = 0.95;
