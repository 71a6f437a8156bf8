import type { LayerwiseChip } from "../../chips/layerwise.js";
import { wordBytes } from "../../chips/layerwise.js";
import type { Report } from "../../diagnostics/index.js";
import { layerwiseDiagnostics } from "./diagnostics.js";
import type { FeatureMap, Stage } from "./stage.js";
import { bandsOf, localsOf, mapWords, rowQuantum, rowsOutside, stateUse, type Local, type Spills } from "./tiles.js";
import type { Timing } from "./timing.js";

/**
 * Places maps, potentials and the buffers of stages in the spike and data memories. Lifetimes are ranges of stages, places
 * are found first-fit; what does not fit is moved to DRAM, largest first, and everything is placed again.
 */

const MEMORIES = ["spike", "data"] as const;
type Memory = (typeof MEMORIES)[number];

/** A map or the potentials of a stage: something that may live in DRAM instead. */
export interface Item {
  readonly key: FeatureMap | Stage;
  /** The stage that makes it. */
  readonly stage: Stage;
  readonly name: string;
  readonly memory: Memory;
  readonly words: number;
  /** First and last stage of its life. */
  readonly from: number;
  readonly to: number;
}

interface Placed {
  readonly base: number;
  readonly words: number;
}

export interface LocalPlace extends Local {
  readonly base: number;
}

export interface StageTiles {
  readonly bands: readonly (readonly [number, number])[];
  readonly rowsOutside: boolean;
  readonly locals: ReadonlyMap<string, LocalPlace>;
}

export interface MemoryPlan extends Spills {
  readonly items: readonly Item[];
  /** Base of a map or of the potentials of a stage that stay on chip. */
  baseOf(key: FeatureMap | Stage): number | undefined;
  readonly tiles: readonly StageTiles[];
  readonly peakWords: Readonly<Record<Memory, number>>;
  readonly spilled: readonly string[];
}

/** A band height for which a stage found no room, and where. */
interface Shortage {
  readonly n: number;
  readonly memory: Memory;
}

function lowestGap(words: number, occupied: readonly Placed[], capacity: number): number | undefined {
  let base = 0;
  for (const other of [...occupied].sort((a, b) => a.base - b.base)) {
    if (other.base - base >= words) return base;
    base = Math.max(base, other.base + other.words);
  }
  return base + words <= capacity ? base : undefined;
}

/** Everything that could stay on chip, with the stages during which it must. */
function itemsOf(stages: readonly Stage[], timing: Timing): readonly Item[] {
  const lastInBlock = stages.findLastIndex((stage) => stage.phase !== "final");
  const repeats = timing.blocks.length > 1;
  const items: Item[] = [];
  for (const stage of stages) {
    const map = stage.output;
    const users = stages.filter((s) => s.operands.some((o) => o.map === map)).map((s) => s.index);
    const lives = { from: stage.index, to: Math.max(stage.index, ...users) };
    // What outlives a time block must survive all stages of the blocks.
    if (repeats && stage.phase !== "final" && map.span !== "block") {
      lives.from = 0;
      lives.to = Math.max(lives.to, lastInBlock);
    }
    items.push({
      key: map,
      stage,
      name: `%${map.name} of ${stage.name}`,
      memory: map.memory,
      words: mapWords(map, timing),
      ...lives,
    });
    if (stateUse(stage, timing) === "run") {
      const words = stage.rows * stage.rowPositions * stage.stateWords;
      const name = `potentials of ${stage.name}`;
      items.push({ key: stage, stage, name, memory: "data", words, from: 0, to: lastInBlock });
    }
  }
  return items;
}

/** One attempt with a given set of items in DRAM. */
class Attempt implements MemoryPlan {
  readonly places = new Map<FeatureMap | Stage, Placed>();
  readonly tiles: StageTiles[] = [];
  readonly peakWords: Record<Memory, number> = { spike: 0, data: 0 };

  constructor(
    readonly items: readonly Item[],
    private readonly away: ReadonlySet<FeatureMap | Stage>,
    private readonly timing: Timing,
    private readonly chip: LayerwiseChip,
  ) {}

  get spilled(): readonly string[] {
    return this.items.filter((item) => this.away.has(item.key)).map((item) => item.name);
  }

  onChip(map: FeatureMap): boolean {
    return map.port === undefined && !this.away.has(map);
  }

  stateOnChip(stage: Stage): boolean {
    return !this.away.has(stage);
  }

  baseOf(key: FeatureMap | Stage): number | undefined {
    return this.places.get(key)?.base;
  }

  capacity(memory: Memory): number {
    return Math.floor(this.chip.memories[memory].bytes / wordBytes(this.chip, memory));
  }

  /** Items on chip during a range of stages. */
  living(memory: Memory, from: number, to: number): readonly Item[] {
    return this.items.filter(
      (item) => item.memory === memory && this.places.has(item.key) && item.from <= to && item.to >= from,
    );
  }

  private occupied(memory: Memory, from: number, to: number): Placed[] {
    return this.living(memory, from, to).flatMap((item) => this.places.get(item.key) ?? []);
  }

  placeItem(item: Item): boolean {
    const base = lowestGap(item.words, this.occupied(item.memory, item.from, item.to), this.capacity(item.memory));
    if (base === undefined) return false;
    this.places.set(item.key, { base, words: item.words });
    this.peak(item.memory, base + item.words);
    return true;
  }

  private peak(memory: Memory, end: number): void {
    this.peakWords[memory] = Math.max(this.peakWords[memory], end);
  }

  /** Places the buffers of a stage; the memory that is too small where it cannot. */
  placeLocals(stage: Stage, n: number, copies: number): Map<string, LocalPlace> | Memory {
    const found = new Map<string, LocalPlace>();
    const occupied = {
      spike: this.occupied("spike", stage.index, stage.index),
      data: this.occupied("data", stage.index, stage.index),
    };
    for (const local of localsOf(stage, n, copies, this, this.timing, this.chip)) {
      const words = local.words * local.copies;
      const base = lowestGap(words, occupied[local.memory], this.capacity(local.memory));
      if (base === undefined) return local.memory;
      occupied[local.memory].push({ base, words });
      found.set(local.key, { ...local, base });
    }
    return found;
  }

  /** Whether small bands move so much more than large ones that overlapping them with work does not pay. */
  private costsMore(stage: Stage, small: number, large: number): boolean {
    if (small >= large) return false;
    const outside = rowsOutside(stage, this, this.timing);
    // With rows outside, every band fetches the weights again, unless they all stay.
    const capacity = this.chip.memories.weight.bytes / wordBytes(this.chip, "weight");
    if (outside && stage.channelBlocks > 1 && 2 * stage.weightWords > capacity) return true;
    const away = stage.operands.filter((operand) => !this.onChip(operand.map));
    return away.some((operand) => operand.mostRows(small) / small > (1.25 * operand.mostRows(large)) / large);
  }

  /** Finds the largest bands of a stage that fit, with two copies of each buffer where possible. */
  placeStage(stage: Stage): readonly Shortage[] | undefined {
    const quantum = rowQuantum(stage, this, this.timing, this.chip);
    const outside = rowsOutside(stage, this, this.timing);
    const search = (copies: number): { n: number; locals: Map<string, LocalPlace> } | Shortage[] => {
      const failed: Shortage[] = [];
      let last = 0;
      for (let k = 1; k <= stage.rows; k++) {
        const n = Math.min(stage.rows, Math.ceil(stage.rows / k / quantum) * quantum);
        if (n === last) continue;
        last = n;
        const locals = this.placeLocals(stage, n, copies);
        if (typeof locals !== "string") return { n, locals };
        failed.push({ n, memory: locals });
        if (n === quantum) break;
      }
      return failed;
    };
    const single = search(1);
    if (Array.isArray(single)) return single;
    const double = search(2);
    const chosen = Array.isArray(double) || this.costsMore(stage, double.n, single.n) ? single : double;
    for (const local of chosen.locals.values()) this.peak(local.memory, local.base + local.words * local.copies);
    this.tiles.push({ bands: bandsOf(stage.rows, chosen.n), rowsOutside: outside, locals: chosen.locals });
    return undefined;
  }
}

/** The item to move to DRAM: one that the stage does not touch if possible, then the largest. */
function victim(candidates: readonly Item[], stage: Stage | undefined): Item | undefined {
  const touched = (item: Item): number => {
    if (stage === undefined) return 0;
    const own = item.key === stage || item.key === stage.output || stage.operands.some((o) => o.map === item.key);
    return own ? 1 : 0;
  };
  return [...candidates].sort((a, b) => touched(a) - touched(b) || b.words - a.words || a.from - b.from)[0];
}

/** Says what the band that comes nearest to fitting needs. */
function doesNotFit(
  attempt: Attempt,
  { stage, shortages }: { readonly stage: Stage; readonly shortages: readonly Shortage[] },
  timing: Timing,
  chip: LayerwiseChip,
): { readonly message: string; readonly memory: Memory } {
  const needs = shortages.map(({ n, memory }) => {
    const locals = localsOf(stage, n, 1, attempt, timing, chip).filter((local) => local.memory === memory);
    const bytesOf = ({ words }: Local): number => words * wordBytes(chip, memory);
    const bytes = locals.reduce((sum, local) => sum + bytesOf(local), 0);
    const buffers = locals.map((local) => `${bufferName(stage, local.key)} ${bytesOf(local)}`).join(", ");
    return { n, memory, bytes, buffers, excess: bytes / chip.memories[memory].bytes };
  });
  const { n, memory, bytes, buffers } = needs.reduce((a, b) => (b.excess < a.excess ? b : a));
  const message = `\`${stage.name}\` needs ${bytes} bytes of ${memory} memory for ${n} of ${stage.rows} rows (${buffers}), the chip has ${chip.memories[memory].bytes}`;
  return { message, memory };
}

/** What a buffer of a stage holds, for messages. */
function bufferName(stage: Stage, key: string): string {
  const operand = stage.operands.find((_, i) => key === `in${i}`);
  if (operand !== undefined) return `\`%${operand.map.name}\``;
  if (key === "out") return "the result";
  return key === "current" ? "currents" : "potentials";
}

/** Places everything, or reports the first stage that cannot run even with everything else in DRAM. */
export function planMemory(
  stages: readonly Stage[],
  timing: Timing,
  chip: LayerwiseChip,
  hint: string,
  report: Report,
): MemoryPlan | undefined {
  const items = itemsOf(stages, timing);
  const away = new Set<FeatureMap | Stage>();
  for (;;) {
    const attempt = new Attempt(items, away, timing, chip);
    const problem = fill(attempt, stages, items, away);
    if (problem === undefined) return attempt;
    if (problem.victim !== undefined) {
      away.add(problem.victim.key);
      continue;
    }
    const { message, memory } = doesNotFit(attempt, problem, timing, chip);
    return report.add(
      layerwiseDiagnostics.make("does-not-fit", message, {
        hint: `enlarge \`memories.${memory}.bytes\` of the chip${hint}`,
      }),
    );
  }
}

type Failure =
  | { readonly victim: Item }
  | { readonly victim: undefined; readonly stage: Stage; readonly shortages: readonly Shortage[] };

function fill(
  attempt: Attempt,
  stages: readonly Stage[],
  items: readonly Item[],
  away: ReadonlySet<FeatureMap | Stage>,
): Failure | undefined {
  const order = [...items].sort((a, b) => a.from - b.from || b.to - a.to || b.words - a.words);
  for (const item of order) {
    if (away.has(item.key) || attempt.placeItem(item)) continue;
    const chosen = victim([item, ...attempt.living(item.memory, item.from, item.to)], undefined);
    if (chosen !== undefined) return { victim: chosen };
  }
  for (const stage of stages) {
    const shortages = attempt.placeStage(stage);
    if (shortages === undefined) continue;
    // Small bands first: they need least, so their memory is the one to make room in.
    for (const { memory } of shortages.toReversed()) {
      const chosen = victim(attempt.living(memory, stage.index, stage.index), stage);
      if (chosen !== undefined) return { victim: chosen };
    }
    return { victim: undefined, stage, shortages };
  }
  return undefined;
}
