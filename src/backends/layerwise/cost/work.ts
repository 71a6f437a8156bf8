import { wordBytes, type LayerwiseChip } from "../../../chips/layerwise.js";
import { internalError } from "../../../diagnostics/index.js";
import { CHARGE_RULES, MEMORIES, type FieldsOf, type MemoryName } from "../../program/instruction.js";
import { parameterWordsOf } from "../../program/parameters.js";
import { lanesUsed, type Draft } from "../stage.js";
import type { Activity } from "./activity.js";

/**
 * What one instruction is expected to take, from its fields and the activity of what it reads: docs/layerwise-chip.md,
 * section 3, with set bits replaced by their expectation.
 */
export interface Work {
  /** Cycles from the issue to the last commit, if no port is refused and DRAM serves nobody else. */
  readonly cycles: number;
  /** Bursts to or from DRAM. */
  readonly bursts: number;
  /** Accesses of each memory, reads and writes. */
  readonly accesses: Readonly<Record<MemoryName, number>>;
  /** Additions and multiply-accumulates that energy tables price. */
  readonly events: Readonly<Record<"ac" | "mac" | "kv" | "qa" | "add", number>>;
}

const NO_ACCESSES = { spike: 0, weight: 0, data: 0 };
const NO_EVENTS = { ac: 0, mac: 0, kv: 0, qa: 0, add: 0 };

function work(
  cycles: number,
  accesses: Partial<Work["accesses"]>,
  events: Partial<Work["events"]> = {},
  bursts = 0,
): Work {
  return { cycles, bursts, accesses: { ...NO_ACCESSES, ...accesses }, events: { ...NO_EVENTS, ...events } };
}

/** The value that decides how long an instruction takes; lowerings name it. */
function sourceOf(draft: Draft): string {
  const source = draft.sources?.[0];
  if (source === undefined) throw internalError(`${draft.op} does not say which value it takes its time for`);
  return source;
}

export function workOf(draft: Draft, chip: LayerwiseChip, activity: Activity): Work {
  switch (draft.op) {
    case "load":
    case "store":
      return transfer(draft, chip);
    case "accumulate":
      return accumulate(draft.fields, sourceOf(draft), chip, activity);
    case "multiply":
      return multiply(draft.fields, sourceOf(draft), chip, activity);
    case "fire":
      return fire(draft.fields, chip);
    case "attend-kv":
      return attendKv(draft.fields, sourceOf(draft), chip, activity);
    case "attend-q":
      return attendQ(draft.fields, sourceOf(draft), chip, activity);
    default:
      return vector(draft, chip);
  }
}

/** Cycles until the credit pays for a burst; what is left over is lost. */
export function burstPeriod({ dram }: LayerwiseChip): number {
  return Math.ceil((dram.burstBytes * dram.bandwidth.cycles) / dram.bandwidth.bytes);
}

/**
 * Cycles from the first grant of a load to its last. Bursts are granted as bandwidth and the writer (one word per cycle) allow, until
 * `outstanding` are under way; then every burst waits for the place of one that came as many before.
 */
function grantCycles(bursts: number, word: number, chip: LayerwiseChip): number {
  const { latencyCycles, burstBytes, outstanding } = chip.dram;
  const price = burstPeriod(chip);
  const wordsPerBurst = burstBytes / word;
  // A burst gives its place back when its last word is written, and a word needs all of its bursts.
  const held = latencyCycles + 2 + Math.max(0, 1 / wordsPerBurst - 1) * price + Math.max(0, wordsPerBurst - 1);
  const window = Math.max(outstanding * Math.max(price, wordsPerBurst), held);
  return (
    Math.floor((bursts - 1) / outstanding) * window + ((bursts - 1) % outstanding) * Math.max(price, wordsPerBurst)
  );
}

function transfer(draft: Extract<Draft, { op: "load" | "store" }>, chip: LayerwiseChip): Work {
  const { memory, words, chunks } = draft.fields;
  const name = MEMORIES[memory] ?? "data";
  const { dram } = chip;
  const word = wordBytes(chip, name);
  const price = burstPeriod(chip);
  const perChunk = Math.ceil((words * word) / dram.burstBytes);
  const bursts = perChunk * chunks;
  const accesses = { [name]: words * chunks };
  if (draft.op === "load") {
    const last = Math.min(words, Math.ceil(dram.burstBytes / word));
    return work(1 + dram.latencyCycles + last + grantCycles(bursts, word, chip), accesses, {}, bursts);
  }
  // Words of a burst are read and then wait for it; what does not fill a burst goes with the chunk's last one.
  const reads = Math.max(1, dram.burstBytes / word);
  const perBurst = Math.max(price, reads >= 1 ? reads + 1 : 2);
  const chunk =
    word >= dram.burstBytes
      ? words * Math.max(1 + word / dram.burstBytes, (word / dram.burstBytes) * price)
      : perChunk * perBurst - (perChunk * reads - words);
  return work(chunks * chunk, accesses, {}, bursts);
}

/** Taps inside the map under all windows of a tile. */
function tapsOf(
  f: Pick<
    FieldsOf<"pool-or">,
    "height" | "width" | "kernel" | "stride" | "padding" | "outRow" | "outRows" | "outWidth"
  >,
): number {
  const inside = (first: number, count: number, size: number): number => {
    let taps = 0;
    for (let o = first; o < first + count; o++) {
      const from = o * f.stride - f.padding;
      taps += Math.max(0, Math.min(size, from + f.kernel) - Math.max(0, from));
    }
    return taps;
  };
  return inside(f.outRow, f.outRows, f.height) * inside(0, f.outWidth, f.width);
}

/** Words of exponents and biases. */
function weightedParameters(chip: LayerwiseChip): number {
  const { exponents, biases } = parameterWordsOf(chip);
  return exponents + biases;
}

/** What scanner and adder have to do for the words of one bit plane of a position, in cycles and words. */
interface Phase {
  readonly scan: number;
  readonly add: number;
  /** Words that hold a bit and pass through the FIFO. */
  readonly pushed: number;
}

/**
 * Cycles of a phase. Per pushed word the scanner takes 1/q cycles (q: fraction of words that hold a bit), the adder as many as the
 * word has bits. The slower one decides; as times vary from word to word and the FIFO is short, each waits for the other at
 * times. For two exponential servers with N places the mean period at equal speed is (N + 1) / N of either's; `sharpness`
 * makes the p-norm of the two meet that, with the variation of the actual times in place of the exponential one. With one
 * place they take turns: the scanner stands still until the adder has taken the word.
 */
function phaseCycles({ scan, add, pushed }: Phase, fifoDepth: number): number {
  if (fifoDepth === 1) return scan + add;
  const [slow, fast] = [Math.max(scan, add), Math.min(scan, add)];
  if (fast === 0) return slow;
  const variation = (Math.max(0, 1 - pushed / scan) + Math.min(1, pushed / add)) / 2;
  const sharpness = Math.LN2 / Math.log1p(Math.max(variation, 0.02) / (fifoDepth + 1));
  return slow * (1 + (fast / slow) ** sharpness) ** (1 / sharpness);
}

/** Cycles of a position: its planes one after the other, where what a full FIFO holds is added while the next plane is scanned. */
function positionCycles(phases: readonly Phase[], steps: number, fifoDepth: number): number {
  let cycles = 0;
  if (fifoDepth === 1) {
    // The first word of the next position is found while the sums of this one are written.
    const words = phases.reduce((sum, { pushed }) => sum + pushed, 0);
    const scan = phases.reduce((sum, phase) => sum + phase.scan, 0);
    cycles -= Math.min(steps, scan / Math.max(1, words));
  }
  for (const [i, phase] of phases.entries()) {
    const alone = phaseCycles(phase, fifoDepth);
    cycles += alone;
    const next = phases[(i + 1) % phases.length];
    if (
      next === undefined ||
      phases.length === 1 ||
      fifoDepth === 1 ||
      phase.add <= phase.scan ||
      next.scan <= next.add
    )
      continue;
    const held = (fifoDepth * phase.add) / Math.max(1, phase.pushed);
    cycles -= Math.min(held, alone - phase.scan, next.scan - next.add);
  }
  return cycles;
}

/**
 * Positions differ, and the FIFO is too short to even out between them, so cycles are the mean over shares of the positions. A share
 * stands for all taps of its windows: neighbours are about equally active.
 */
function accumulate(f: FieldsOf<"accumulate">, source: string, chip: LayerwiseChip, activity: Activity): Work {
  const positions = f.outRows * f.outWidth;
  const taps = tapsOf(f) / positions;
  const planes = Array.from({ length: f.planes }, (_, plane) => activity.any(source, plane, f.firstStep, f.steps));
  const shares = Math.max(1, ...planes.map((densities) => densities.length));
  let [rows, cycles, additions] = [0, 0, 0];
  for (let share = 0; share < shares; share++) {
    const phases = planes.map((densities, plane) => {
      const density = densities[share] ?? 0;
      rows += (positions * taps * f.channels * density) / shares;
      return phaseOf(f, taps, density, plane === f.planes - 1, chip);
    });
    cycles += (positions * positionCycles(phases, f.steps, chip.fifoDepth)) / shares;
  }
  for (let plane = 0; plane < f.planes; plane++) {
    additions += positions * taps * f.channels * activity.sum(source, plane, f.firstStep, f.steps);
  }
  const parameters = weightedParameters(chip);
  return work(
    parameters + 1 + cycles,
    { spike: positions * taps * f.planes * f.blocks, weight: rows + parameters, data: positions * f.steps },
    { ac: additions * f.lanesUsed },
  );
}

/** One plane of a position with `taps` taps; in the last one a word is pushed in any case, and the sums are written. */
function phaseOf(f: FieldsOf<"accumulate">, taps: number, density: number, last: boolean, chip: LayerwiseChip): Phase {
  let pushed = 0;
  for (let block = 0; block < f.blocks; block++) {
    pushed += taps * (1 - (1 - density) ** lanesUsed(f.channels, block, chip.lanes));
  }
  return {
    scan: taps * f.blocks,
    add: taps * f.channels * density + (last ? f.steps : 0),
    pushed: last ? Math.max(1, pushed) : pushed,
  };
}

function multiply(f: FieldsOf<"multiply">, source: string, chip: LayerwiseChip, activity: Activity): Work {
  const positions = f.outRows * f.outWidth;
  const taps = tapsOf(f);
  const parameters = weightedParameters(chip);
  let [rows, cycles] = [0, parameters];
  for (let slot = 0; slot < f.slots; slot++) {
    const nonZero = taps * f.channels * activity.nonZero(source, f.firstStep + slot);
    rows += nonZero;
    cycles += taps * f.blocks + nonZero + positions;
  }
  const data = f.slots * (taps * f.blocks + positions);
  return work(cycles, { weight: rows + parameters, data }, { mac: rows * f.lanesUsed });
}

function fire(f: FieldsOf<"fire">, chip: LayerwiseChip): Work {
  const { thresholds, gains } = parameterWordsOf(chip);
  const maps = CHARGE_RULES[f.rule] === "cuba" ? 2 : 1;
  const parameters = (f.thresholds >= 0 ? thresholds : 0) + (f.gains >= 0 ? gains : 0);
  const state = maps * (f.stateRead + f.stateWrite);
  return work(parameters + f.positions * (state + f.steps + 1), {
    weight: parameters,
    data: f.positions * (state + f.slots),
    spike: f.positions,
  });
}

/** Channel blocks that overlap a head. */
function headBlocks(f: Pick<FieldsOf<"attend-q">, "head" | "headDim">, lanes: number): number {
  return Math.ceil(((f.head + 1) * f.headDim) / lanes) - Math.floor((f.head * f.headDim) / lanes);
}

function attendKv(f: FieldsOf<"attend-kv">, keys: string, { lanes }: LayerwiseChip, activity: Activity): Work {
  const events = f.positions * f.headDim * activity.sum(keys, 0, f.firstStep, f.steps);
  const reads = 2 * f.positions * headBlocks(f, lanes);
  const clear = f.clear === 1 ? Math.ceil((f.headDim * f.headDim) / lanes) : 0;
  return work(clear + reads + events * Math.ceil(f.headDim / lanes), { spike: reads }, { kv: events * f.headDim });
}

function attendQ(f: FieldsOf<"attend-q">, queries: string, { lanes }: LayerwiseChip, activity: Activity): Work {
  const events = f.positions * f.headDim * activity.sum(queries, 0, f.firstStep, f.steps);
  const reads = f.positions * headBlocks(f, lanes);
  const writes = reads * f.steps;
  const scale = f.sequential === 1 ? Math.ceil((f.headDim * f.headDim) / lanes) : 0;
  const cycles = scale + reads + events * Math.ceil(f.headDim / lanes) + writes;
  return work(cycles, { spike: reads, data: writes }, { qa: events * f.headDim });
}

type Transfer = "load" | "store";
type VectorDraft = Exclude<Draft, { op: Transfer | "accumulate" | "multiply" | "fire" | "attend-kv" | "attend-q" }>;

/** The vector engine makes one access per cycle, so its cycles are its accesses. */
function vector(draft: VectorDraft, chip: LayerwiseChip): Work {
  const { spike = 0, data = 0, adds = 0 } = vectorAccesses(draft, chip);
  return work(spike + data, { spike, data }, { add: adds * chip.lanes });
}

/** Accesses of a vector instruction by memory, and how many words it adds. */
function vectorAccesses(
  draft: VectorDraft,
  chip: LayerwiseChip,
): { readonly spike?: number; readonly data?: number; readonly adds?: number } {
  const groupsOf = (d: { bit: number; timesteps: number }): number =>
    Math.ceil((d.bit + d.timesteps) / chip.parallelTimesteps);
  const wordsOf = (tokens: number): number => Math.ceil(tokens / chip.lanes);
  switch (draft.op) {
    case "add":
      return { data: 3 * draft.fields.steps * draft.fields.words, adds: draft.fields.steps * draft.fields.words };
    case "pool-max": {
      const f = draft.fields;
      return { data: f.steps * f.blocks * (tapsOf(f) + f.outRows * f.outWidth) };
    }
    case "pool-or": {
      const f = draft.fields;
      return { spike: f.blocks * (tapsOf(f) + f.outRows * f.outWidth) };
    }
    case "pool-plane": {
      const f = draft.fields;
      return { spike: planeReads(f, chip) + f.positions * f.blocks };
    }
    case "and":
      return { spike: 3 * draft.fields.positions * draft.fields.blocks };
    case "mask-tokens":
      return { spike: 3 * draft.fields.positions * draft.fields.blocks };
    case "mask-data": {
      const words = draft.fields.steps * draft.fields.positions * draft.fields.blocks;
      return { spike: words, data: 2 * words };
    }
    case "add-planes": {
      const f = draft.fields;
      return { spike: f.words * (f.aPlanes + f.bPlanes + Math.max(f.aPlanes, f.bPlanes) + 1) };
    }
    case "sum-positions": {
      const f = draft.fields;
      return { spike: f.positions * f.blocks, data: f.blocks * f.steps, adds: f.positions * f.blocks * f.steps };
    }
    case "mean-positions": {
      const f = draft.fields;
      return { data: f.steps * f.blocks * (f.positions + 1), adds: f.steps * f.blocks * f.positions };
    }
    case "mean-steps": {
      const f = draft.fields;
      return { data: f.words * (f.meanOf + 1), adds: f.words * f.meanOf };
    }
    case "convert":
      return { data: 2 * draft.fields.steps * draft.fields.words };
    case "score-tokens": {
      const f = draft.fields;
      const spike = f.positions * f.blocks * groupsOf(f);
      return { spike, data: wordsOf(f.positions) * f.copies, adds: f.positions * f.blocks * f.timesteps };
    }
    case "score-kv": {
      const f = draft.fields;
      const spike = 2 * f.positions * f.blocks * groupsOf(f);
      return { spike, data: wordsOf(f.positions) * f.copies, adds: 2 * f.positions * f.blocks * f.timesteps };
    }
    case "top-k": {
      const f = draft.fields;
      // How many tokens reach the share depends on the scores: half of those that may.
      return { data: ((f.floor + f.keep) / 2) * wordsOf(f.tokens), spike: groupsOf(f) * wordsOf(f.tokens) };
    }
  }
}

/** Words of the plane windows of all outputs: positions n - r..n + r, and blocks that the reach of a block's channels touches. */
function planeReads(f: FieldsOf<"pool-plane">, { lanes }: LayerwiseChip): number {
  const reach = (f.kernel - 1) / 2;
  let rows = 0;
  for (let n = 0; n < f.positions; n++) rows += Math.min(f.positions - 1, n + reach) - Math.max(0, n - reach) + 1;
  let blocks = 0;
  for (let b = 0; b < f.blocks; b++) {
    const [first, end] = [b * lanes, Math.min(f.channels, (b + 1) * lanes)];
    const headFirst = Math.floor(first / f.headDim) * f.headDim;
    const headEnd = Math.ceil(end / f.headDim) * f.headDim;
    const from = Math.max(headFirst, first - reach);
    const to = Math.min(headEnd, end + reach);
    blocks += Math.ceil(to / lanes) - Math.floor(from / lanes);
  }
  return rows * blocks;
}
