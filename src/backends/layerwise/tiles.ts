import type { LayerwiseChip } from "../../chips/layerwise.js";
import { wordBytes } from "../../chips/layerwise.js";
import { gcd } from "../../math/numbers.js";
import { slotsOf, slotWords, type FeatureMap, type Operand, type Stage } from "./stage.js";
import type { Pass, Timing } from "./timing.js";

/** What lives outside the on-chip memories, as decided so far. */
export interface Spills {
  /** The map stays on chip from its producer to its last user. */
  onChip(map: FeatureMap): boolean;
  /** The potentials of the stage stay on chip between time blocks. */
  stateOnChip(stage: Stage): boolean;
}

/** A buffer that lives as long as one stage runs. */
export interface Local {
  readonly key: string;
  readonly memory: "spike" | "data";
  /** Words of one copy. */
  readonly words: number;
  readonly copies: number;
}

/** Words that fill whole bursts: addresses in DRAM are multiples of a burst. */
export function alignmentWords(chip: LayerwiseChip, memory: "spike" | "data"): number {
  const word = wordBytes(chip, memory);
  return chip.dram.burstBytes / gcd(chip.dram.burstBytes, word);
}

/** The passes in which a stage runs. */
export function passesOf(stage: Pick<Stage, "phase">, timing: Timing): readonly Pass[] {
  if (stage.phase === "final") return [timing.final];
  return stage.phase === "once" ? timing.blocks.slice(0, 1) : timing.blocks;
}

export type StateUse = "registers" | "stage" | "run";

/** Where potentials are between groups: nowhere, in the data memory during the stage, or during the whole run. */
export function stateUse(stage: Stage, timing: Timing): StateUse {
  if (stage.stateWords === 0) return "registers";
  const passes = passesOf(stage, timing);
  if (passes.length > 1) return "run";
  return (passes[0]?.groups.length ?? 0) > 1 ? "stage" : "registers";
}

/** Most slots of a map that one piece of work of a stage touches. */
function unitSlots(stage: Stage, map: FeatureMap, timing: Timing): number {
  let most = 0;
  for (const pass of passesOf(stage, timing)) {
    for (const unit of stage.units(pass)) most = Math.max(most, slotsOf(map, unit).count);
  }
  return most;
}

/** Row bands of a stage: `n` output rows each, the last one shorter. */
export function bandsOf(rows: number, n: number): readonly (readonly [number, number])[] {
  return Array.from({ length: Math.ceil(rows / n) }, (_, i) => [i * n, Math.min(rows, i * n + n)] as const);
}

/** Words per slot of the buffer for bands of `n` rows of an operand; a band that is not the first may start in a burst. */
export function bandWords(operand: Operand, rows: number, n: number, chip: LayerwiseChip): number {
  const { map } = operand;
  const lead = n >= rows ? 0 : alignmentWords(chip, map.memory) - 1;
  return operand.mostRows(n) * operand.rowPositions * map.blocks + lead;
}

/** Rows of a band must start at a burst in DRAM where results or potentials go there. */
export function rowQuantum(stage: Stage, spills: Spills, timing: Timing, chip: LayerwiseChip): number {
  let quantum = 1;
  const align = (rowWords: number, memory: "spike" | "data"): void => {
    const words = alignmentWords(chip, memory);
    const rows = words / gcd(words, stage.rowPositions * rowWords);
    quantum = (quantum * rows) / gcd(quantum, rows);
  };
  if (!spills.onChip(stage.output)) align(stage.output.blocks, stage.output.memory);
  if (stateUse(stage, timing) === "run" && !spills.stateOnChip(stage)) align(stage.stateWords, "data");
  return Math.min(quantum, stage.rows);
}

/** The stage walks rows outside and channel blocks inside, because something of it comes from or goes to DRAM. */
export function rowsOutside(stage: Stage, spills: Spills, timing: Timing): boolean {
  const stateAway = stateUse(stage, timing) === "run" && !spills.stateOnChip(stage);
  return stateAway || !spills.onChip(stage.output) || stage.operands.some((o) => !spills.onChip(o.map));
}

/** The buffers of a stage at `n` rows per band. */
export function localsOf(
  stage: Stage,
  n: number,
  copies: number,
  spills: Spills,
  timing: Timing,
  chip: LayerwiseChip,
): readonly Local[] {
  const locals: Local[] = [];
  for (const [i, operand] of stage.operands.entries()) {
    const { map } = operand;
    if (spills.onChip(map)) continue;
    const words = unitSlots(stage, map, timing) * bandWords(operand, stage.rows, n, chip);
    locals.push({ key: `in${i}`, memory: map.memory, words, copies });
  }
  const { output } = stage;
  const positions = n * stage.rowPositions;
  if (!spills.onChip(output)) {
    const words = unitSlots(stage, output, timing) * positions * output.blocks;
    locals.push({ key: "out", memory: output.memory, words, copies });
  }
  if (stage.current !== undefined) {
    const words = (stage.current.held ? 1 : timing.groupSteps) * positions;
    locals.push({ key: "current", memory: "data", words, copies });
  }
  const state = stateUse(stage, timing);
  if (state === "stage" || (state === "run" && !spills.stateOnChip(stage))) {
    locals.push({ key: "state", memory: "data", words: positions * stage.stateWords, copies: 1 });
  }
  return locals;
}

/** Words that a map needs on chip: the slots of its longest pass, or all of them. */
export function mapWords(map: FeatureMap, timing: Timing): number {
  const passes = map.span === "block" ? timing.blocks : [timing.final];
  return slotWords(map) * Math.max(...passes.map((pass) => slotsOf(map, pass).count));
}
