import type { LayerwiseChip } from "../../../chips/layerwise.js";
import { engineOf, MEMORIES, type EngineName, type Instruction } from "../../program/instruction.js";
import type { Timeline } from "./timeline.js";
import { burstPeriod, type Work } from "./work.js";

/**
 * Works whose transfers take as long as others leave them ports and DRAM. Loads and stores run beside the accumulate engine, which
 * comes first in the memories that it uses, and beside each other at the DRAM, which serves them in turn. Other engines work one
 * after the other on the same maps and rarely meet. `timeline` says who runs beside whom: it was made without contention.
 */
export function withContention(
  instructions: readonly Instruction[],
  works: readonly Work[],
  timeline: Timeline,
  chip: LayerwiseChip,
): readonly Work[] {
  const slowed = [...works];
  for (const [transfer, other] of [
    ["load", "accumulate"],
    ["store", "accumulate"],
    ["load", "store"],
    ["store", "load"],
  ] as const) {
    if (other === "accumulate" && chip.priority.indexOf(transfer) < chip.priority.indexOf(other)) continue;
    const pace = other === "accumulate" ? pacePorts : paceDram;
    addLostCycles(slowed, transfer, other, instructions, works, timeline, (a, b) => pace(a, b, chip));
  }
  return slowed;
}

/** Lengthens the instructions of an engine by the progress that they lose while instructions of another run. */
function addLostCycles(
  slowed: Work[],
  engine: EngineName,
  other: EngineName,
  instructions: readonly Instruction[],
  works: readonly Work[],
  { starts, ends }: Timeline,
  pace: (work: Work, beside: Work) => number,
): void {
  const others = instructions.flatMap(({ op }, i) => (engineOf(op) === other ? [i] : []));
  let first = 0;
  for (const [i, { op }] of instructions.entries()) {
    const [work, longer] = [works[i], slowed[i]];
    if (engineOf(op) !== engine || work === undefined || longer === undefined) continue;
    const [start, end] = [starts[i]!, ends[i]!];
    // Both engines work in order, so what ended before this one began meets no later one.
    while (first < others.length && ends[others[first]!]! < start) first++;
    let lost = 0;
    for (let o = first; o < others.length && starts[others[o]!]! < end; o++) {
      const at = others[o]!;
      const beside = Math.min(end, ends[at]!) - Math.max(start, starts[at]!);
      lost += beside * (1 - pace(work, works[at]!));
    }
    slowed[i] = { ...longer, cycles: longer.cycles + lost };
  }
}

/** Where an accumulate takes a fraction rho of the accesses that a memory grants, a transfer makes 1 - rho of them per cycle. */
function pacePorts(transfer: Work, sum: Work, { memories }: LayerwiseChip): number {
  let cycles = transfer.cycles;
  for (const name of MEMORIES) {
    const { banks, ports } = memories[name];
    const rho = Math.min(MOST_TAKEN, sum.accesses[name] / Math.max(1, sum.cycles) / (banks * ports));
    cycles = Math.max(cycles, transfer.accesses[name] / (1 - rho));
  }
  return transfer.cycles / cycles;
}

/** An engine never takes all cycles of a bank for long: write phases and waits for operands leave gaps. */
const MOST_TAKEN = 0.95;

/** A transfer gets what the other one leaves of the bandwidth, and at least half of it. */
function paceDram(transfer: Work, other: Work, chip: LayerwiseChip): number {
  const share = ({ bursts, cycles }: Work): number => (bursts * burstPeriod(chip)) / Math.max(1, cycles);
  const left = Math.max(0.5, 1 - share(other));
  return Math.min(1, left / Math.max(1e-9, share(transfer)));
}
