import type { LayerwiseChip } from "../../chips/layerwise.js";
import { wordBytes } from "../../chips/layerwise.js";
import { internalError } from "../../diagnostics/index.js";
import { MEMORIES } from "../program/instruction.js";
import type { DramPlan, Home } from "./dram.js";
import type { LocalPlace, MemoryPlan, StageTiles } from "./memory.js";
import { slotsOf, slotWords, type Draft, type FeatureMap, type Operand, type Place, type Stage } from "./stage.js";
import { alignmentWords, bandWords, passesOf, stateUse } from "./tiles.js";
import type { Pass, Timing } from "./timing.js";

/** Walks all stages over time blocks, pieces, row bands and channel blocks, and collects the instructions. */
export class Emitter {
  readonly drafts: Draft[] = [];
  private readonly turns = new Map<LocalPlace, number>();
  private epoch: number;
  private running: Stage | undefined;

  constructor(
    private readonly plan: MemoryPlan,
    private readonly dram: DramPlan,
    private readonly timing: Timing,
    private readonly chip: LayerwiseChip,
    /** Number of the group's first time block in the schedule. */
    private readonly firstEpoch: number,
  ) {
    this.epoch = firstEpoch;
  }

  run(stages: readonly Stage[]): void {
    for (const [i, block] of this.timing.blocks.entries()) {
      this.epoch = this.firstEpoch + i;
      for (const stage of stages) {
        if (stage.phase !== "final" && passesOf(stage, this.timing).includes(block)) this.stage(stage, block);
      }
    }
    for (const stage of stages) if (stage.phase === "final") this.stage(stage, this.timing.final);
  }

  private push(draft: Draft): void {
    if (this.running === undefined) throw internalError(`${draft.op} belongs to no stage`);
    this.drafts.push({ ...draft, epoch: this.epoch, stage: this.running });
  }

  private stage(stage: Stage, pass: Pass): void {
    const tiles = this.plan.tiles[stage.index];
    if (tiles === undefined) throw internalError(`stage ${stage.name} has no tiles`);
    this.running = stage;
    for (const unit of stage.units(pass)) {
      if (tiles.rowsOutside) {
        for (const band of tiles.bands) this.band(stage, tiles, pass, unit, band);
      } else {
        for (let block = 0; block < stage.channelBlocks; block++) {
          for (const [first, end] of tiles.bands) {
            const places = this.places(stage, tiles, unit, first, end);
            this.tile(stage, tiles, unit, first, end, block, { ...places, state: this.state(stage, tiles, first) });
          }
        }
      }
      this.storeOutput(stage, unit);
    }
  }

  /** One band with everything that it brings in and takes out. */
  private band(stage: Stage, tiles: StageTiles, pass: Pass, unit: Pass, [first, end]: readonly [number, number]): void {
    const places = this.places(stage, tiles, unit, first, end);
    const state = this.state(stage, tiles, first);
    const stateAway = stateUse(stage, this.timing) === "run" && !this.plan.stateOnChip(stage);
    if (stateAway && pass.first > 0) this.moveState("load", stage, state, first, end);
    for (let block = 0; block < stage.channelBlocks; block++) {
      this.tile(stage, tiles, unit, first, end, block, { ...places, state });
    }
    const last = pass.first + pass.steps === this.timing.timesteps;
    if (stateAway && !last) this.moveState("store", stage, state, first, end);
    const { output } = stage;
    if (!this.plan.onChip(output)) {
      this.storeRows(stage, places.output, unit, first, end, this.dram.homeOf(output));
      for (const home of this.dram.outputHomes(output).slice(1)) {
        this.storeRows(stage, places.output, unit, first, end, home);
      }
    }
  }

  private tile(
    stage: Stage,
    tiles: StageTiles,
    pass: Pass,
    first: number,
    end: number,
    block: number,
    where: { inputs: readonly Place[]; output: Place; state: number },
  ): void {
    const current = tiles.locals.get("current");
    stage.emit({
      pass,
      block,
      first,
      end,
      positions: (end - first) * stage.rowPositions,
      ...where,
      current: () => this.turn(current),
      push: (draft) => this.push(draft),
    });
  }

  /** Base of the next copy of a buffer. */
  private turn(local: LocalPlace | undefined): number {
    if (local === undefined) throw internalError("a stage uses a buffer that it did not ask for");
    const turn = this.turns.get(local) ?? 0;
    this.turns.set(local, turn + 1);
    return local.base + (turn % local.copies) * local.words;
  }

  private places(
    stage: Stage,
    tiles: StageTiles,
    unit: Pass,
    first: number,
    end: number,
  ): { inputs: readonly Place[]; output: Place } {
    const inputs = stage.operands.map((operand, i) =>
      this.plan.onChip(operand.map)
        ? this.residentPlace(operand.map, unit, operand.rowPositions)
        : this.loadBand(stage, operand, this.turn(tiles.locals.get(`in${i}`)), unit, operand.rows(first, end), tiles),
    );
    const { output } = stage;
    if (this.plan.onChip(output)) return { inputs, output: this.residentPlace(output, unit, stage.rowPositions) };
    const rowWords = stage.rowPositions * output.blocks;
    const most = Math.max(...tiles.bands.map(([a, b]) => b - a));
    return {
      inputs,
      output: {
        base: this.turn(tiles.locals.get("out")),
        firstRow: first,
        firstSlot: slotsOf(output, unit).first,
        slotStride: most * rowWords,
        rowWords,
      },
    };
  }

  private residentPlace(map: FeatureMap, unit: Pass, rowPositions: number): Place {
    const base = this.plan.baseOf(map);
    if (base === undefined) throw internalError(`map %${map.name} has no place`);
    return {
      base,
      firstRow: 0,
      firstSlot: map.span === "block" ? slotsOf(map, this.passOf(unit)).first : 0,
      slotStride: slotWords(map),
      rowWords: rowPositions * map.blocks,
    };
  }

  /** The time block of a piece. */
  private passOf(unit: Pass): Pass {
    const found = this.timing.blocks.find((b) => unit.first >= b.first && unit.first < b.first + b.steps);
    if (found === undefined) throw internalError(`no time block at timestep ${unit.first}`);
    return found;
  }

  /** First byte in DRAM of a slot. */
  private slotAddress(map: FeatureMap, home: Home, slot: number, unit: Pass): number {
    const first = home.all || map.span === "static" ? 0 : slotsOf(map, this.passOf(unit)).first;
    return home.dram + (slot - first) * home.slotBytes;
  }

  private loadBand(
    stage: Stage,
    operand: Operand,
    base: number,
    unit: Pass,
    [first, end]: readonly [number, number],
    tiles: StageTiles,
  ): Place {
    const { map, rowPositions } = operand;
    const rowWords = rowPositions * map.blocks;
    const align = alignmentWords(this.chip, map.memory);
    const from = Math.floor((first * rowWords) / align) * align;
    const slots = slotsOf(map, unit);
    const home = this.dram.homeOf(map);
    const n = Math.max(...tiles.bands.map(([a, b]) => b - a));
    const slotStride = bandWords(operand, stage.rows, n, this.chip);
    this.push({
      op: "load",
      layer: stage.layer,
      fields: {
        memory: MEMORIES.indexOf(map.memory),
        address: base,
        stride: slotStride,
        dram: this.slotAddress(map, home, slots.first, unit) + from * wordBytes(this.chip, map.memory),
        dramStride: home.slotBytes,
        words: end * rowWords - from,
        chunks: slots.count,
      },
    });
    const lead = first * rowWords - from;
    return { base: base + lead, firstRow: first, firstSlot: slots.first, slotStride, rowWords };
  }

  private storeRows(stage: Stage, place: Place, unit: Pass, first: number, end: number, home: Home): void {
    const { output } = stage;
    const slots = slotsOf(output, unit);
    this.push({
      op: "store",
      layer: stage.layer,
      fields: {
        memory: MEMORIES.indexOf(output.memory),
        address:
          place.base + (slots.first - place.firstSlot) * place.slotStride + (first - place.firstRow) * place.rowWords,
        stride: place.slotStride,
        dram:
          this.slotAddress(output, home, slots.first, unit) +
          first * place.rowWords * wordBytes(this.chip, output.memory),
        dramStride: home.slotBytes,
        words: (end - first) * place.rowWords,
        chunks: slots.count,
      },
    });
  }

  /** An output that stayed on chip goes to its ports as a whole. */
  private storeOutput(stage: Stage, unit: Pass): void {
    if (!this.plan.onChip(stage.output)) return;
    for (const home of this.dram.outputHomes(stage.output)) {
      const place = this.residentPlace(stage.output, unit, stage.rowPositions);
      this.storeRows(stage, place, unit, 0, stage.rows, home);
    }
  }

  /** Data word of the potentials of a band. */
  private state(stage: Stage, tiles: StageTiles, first: number): number {
    const use = stateUse(stage, this.timing);
    if (use === "registers") return -1;
    const local = tiles.locals.get("state");
    if (local !== undefined) return local.base;
    return (this.plan.baseOf(stage) ?? 0) + first * stage.rowPositions * stage.stateWords;
  }

  private moveState(op: "load" | "store", stage: Stage, address: number, first: number, end: number): void {
    const rowWords = stage.rowPositions * stage.stateWords;
    this.push({
      op,
      layer: stage.layer,
      fields: {
        memory: MEMORIES.indexOf("data"),
        address,
        stride: 0,
        dram: this.dram.homeOf(stage).dram + first * rowWords * wordBytes(this.chip, "data"),
        dramStride: 0,
        words: (end - first) * rowWords,
        chunks: 1,
      },
    });
  }
}
