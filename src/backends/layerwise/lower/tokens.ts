import { internalError } from "../../../diagnostics/index.js";
import { channelsOf, timestepsOf, type Op, type OpView } from "../../../ir/index.js";
import { TOKEN_CUES } from "../../program/instruction.js";
import {
  addressOf,
  alike,
  dataSlot,
  spikeSlot,
  whole,
  wholePass,
  type FeatureMap,
  type Operand,
  type Tile,
} from "../stage.js";
import { passesOf } from "../tiles.js";
import type { Group, Pass } from "../timing.js";
import { nameOf } from "../values.js";
import type { LowerContext } from "./context.js";
import { spikeOperand, stepsOf, vectorStage } from "./pool.js";

/** A decision within a pass: its timesteps, the group they begin in, and where in its words. */
interface Decision {
  readonly first: number;
  readonly timesteps: number;
  readonly group: Group;
  readonly bit: number;
}

/** The decisions of a pass, one per period; its groups are full but for the last (see {@link regular}). */
function decisionsOf(pass: Pass, period: number, parallel: number): readonly Decision[] {
  const decisions: Decision[] = [];
  for (let offset = 0; offset < pass.steps; offset += period) {
    const group = pass.groups[Math.floor(offset / parallel)];
    if (group === undefined) throw internalError("a decision begins after the last group");
    decisions.push({ first: pass.first + offset, timesteps: period, group, bit: offset % parallel });
  }
  return decisions;
}

/** Decisions walk over groups of P timesteps; time blocks that leave short groups in between are refused. */
function regular(context: LowerContext, op: Op): boolean {
  const { timing, chip } = context;
  const parallel = chip.parallelTimesteps;
  const passes = passesOf({ phase: context.facts.phaseOf(op.result) }, timing);
  if (passes.every((pass) => pass.groups.slice(0, -1).every((group) => group.steps === parallel))) return true;
  context.refuse(
    op,
    `decides over timesteps of several time blocks, which are ${timing.block} long: no multiple of the ${parallel} that share a word`,
    `use a time block of ${timing.timesteps}, or a multiple of ${parallel}`,
  );
  return false;
}

/** Slot of a mask or of spikes: a map for the whole sample has one. */
function slotOf(map: FeatureMap, group: Group): number {
  return map.span === "static" ? 0 : spikeSlot(map, group);
}

/** A stage of one row that decides for all tokens at once. */
function decisionStage(
  context: LowerContext,
  op: Op,
  output: FeatureMap,
  operands: readonly Operand[],
  emit: (tile: Tile, decision: Decision, layer: number) => void,
): void {
  if (!regular(context, op)) return;
  const layer = context.layer(op);
  context.stage({
    name: nameOf(op),
    phase: context.facts.phaseOf(op.result),
    layer,
    output,
    rows: 1,
    rowPositions: 1,
    operands,
    channelBlocks: 1,
    stateWords: 0,
    weightWords: 0,
    units: wholePass,
    emit(tile) {
      const decisions = decisionsOf(tile.pass, op.type.time.period, context.chip.parallelTimesteps);
      for (const decision of decisions) emit(tile, decision, layer);
    },
  });
}

/** Where scores go: into every timestep that they hold for, so that whoever reads them finds them. */
function scoreFields(tile: Tile, output: FeatureMap, { first, timesteps }: Decision) {
  const held = output.span === "static";
  return {
    output: addressOf(tile.output, dataSlot(output, first), 0),
    copies: held ? 1 : timesteps,
    outputStepStride: tile.output.slotStride,
    firstStep: first,
    steps: 1,
  };
}

export function scoreStage(context: LowerContext, op: Op): void {
  const input = spikeOperand(context, op, 0);
  if (input === undefined) return;
  const view = context.view(op);
  const output = context.dataMap(op.result, op.type, "real");
  decisionStage(context, op, output, [whole(input)], (tile, decision, layer) => {
    const [place] = tile.inputs;
    if (place === undefined) return;
    const fields = {
      input: addressOf(place, spikeSlot(input, decision.group), 0),
      groupStride: place.slotStride,
      positions: input.positions,
      blocks: input.blocks,
      channels: input.channels,
      bit: decision.bit,
      timesteps: decision.timesteps,
      cue: TOKEN_CUES.findIndex((cue) => cue === view.word("cue")),
      alpha: view.number("alpha"),
      beta: view.number("beta"),
      gamma: view.number("gamma"),
      ...scoreFields(tile, output, decision),
    };
    tile.push({ op: "score-tokens", layer, fields });
  });
}

export function relevanceStage(context: LowerContext, op: Op): void {
  const k = spikeOperand(context, op, 0);
  const v = spikeOperand(context, op, 1);
  if (k === undefined || v === undefined) return;
  const headDim = k.channels / context.view(op).number("heads");
  const output = context.dataMap(op.result, op.type, "real");
  decisionStage(context, op, output, [whole(k), whole(v)], (tile, decision, layer) => {
    const [keys, values] = tile.inputs;
    if (keys === undefined || values === undefined) return;
    const fields = {
      keys: addressOf(keys, spikeSlot(k, decision.group), 0),
      keyGroupStride: keys.slotStride,
      values: addressOf(values, spikeSlot(v, decision.group), 0),
      valueGroupStride: values.slotStride,
      positions: k.positions,
      blocks: k.blocks,
      channels: k.channels,
      headDim,
      bit: decision.bit,
      timesteps: decision.timesteps,
      ...scoreFields(tile, output, decision),
    };
    tile.push({ op: "score-kv", layer, fields });
  });
}

/** How many tokens an op keeps: exactly k, or what its scores say. */
function ruleOf(view: OpView) {
  if (view.op.name === "tokens.top-k") return { keep: view.number("k"), floor: view.number("k"), share: 0, strict: 0 };
  return {
    keep: view.number("capacity"),
    floor: view.number("floor"),
    share: view.number("share"),
    strict: Number(view.word("overflow") === "error"),
  };
}

/** The mask holds in every bit of the decision's timesteps; one for the sample fills a whole word, which serves all groups. */
export function topKStage(context: LowerContext, op: Op): void {
  const scores = context.operand(op, 0, "data", "real");
  if (scores === undefined) return;
  const rule = ruleOf(context.view(op));
  const output = context.spikeMap(op.result, op.type);
  const held = output.span === "static";
  decisionStage(context, op, output, [whole(scores)], (tile, decision, layer) => {
    const [place] = tile.inputs;
    if (place === undefined) return;
    const fields = {
      scores: addressOf(place, dataSlot(scores, decision.first), 0),
      tokens: channelsOf(op.type),
      ...rule,
      bit: held ? 0 : decision.bit,
      timesteps: held ? context.chip.parallelTimesteps : decision.timesteps,
      output: addressOf(tile.output, slotOf(output, decision.group), 0),
      groupStride: tile.output.slotStride,
      firstStep: decision.first,
      steps: 1,
    };
    tile.push({ op: "top-k", layer, fields });
  });
}

export function maskTokensStage(context: LowerContext, op: Op): void {
  const a = context.mapOf(op.operands[0]);
  const mask = spikeOperand(context, op, 1);
  if (a === undefined || mask === undefined) return;
  if (a.memory === "data") maskData(context, op, a, mask);
  else maskSpikes(context, op, mask);
}

/** One bit of a mask word per timestep of its group. */
function maskData(context: LowerContext, op: Op, a: FeatureMap, mask: FeatureMap): void {
  const output = context.dataMap(op.result, op.type, a.format);
  const shape = { rows: output.positions, rowPositions: 1 };
  vectorStage(context, op, output, shape, [alike(a, 1), whole(mask)], (tile, layer) => {
    const [left, right] = tile.inputs;
    const [group] = tile.pass.groups;
    if (left === undefined || right === undefined || group === undefined) return;
    const t = tile.pass.first;
    const fields = {
      a: addressOf(left, dataSlot(a, t), tile.first),
      aStepStride: a.span === "static" ? 0 : left.slotStride,
      mask: addressOf(right, slotOf(mask, group), 0),
      token: tile.first,
      blocks: a.blocks,
      positions: tile.positions,
      output: addressOf(tile.output, dataSlot(output, t), tile.first),
      outputStepStride: tile.output.slotStride,
      ...stepsOf(tile, output),
    };
    tile.push({ op: "mask-data", layer, fields });
  });
}

function maskSpikes(context: LowerContext, op: Op, mask: FeatureMap): void {
  const a = spikeOperand(context, op, 0);
  if (a === undefined) return;
  if (a.span === "static" && timestepsOf(op.type.time) > 1) {
    context.refuse(op, "masks spikes that hold for the whole sample, which no neuron makes");
    return;
  }
  const output = context.spikeMap(op.result, op.type);
  const shape = { rows: output.positions, rowPositions: 1 };
  vectorStage(context, op, output, shape, [alike(a, 1), whole(mask)], (tile, layer) => {
    const [left, right] = tile.inputs;
    const [group] = tile.pass.groups;
    if (left === undefined || right === undefined || group === undefined) return;
    const fields = {
      a: addressOf(left, spikeSlot(a, group), tile.first),
      mask: addressOf(right, slotOf(mask, group), 0),
      token: tile.first,
      blocks: a.blocks,
      positions: tile.positions,
      output: addressOf(tile.output, spikeSlot(output, group), tile.first),
      ...stepsOf(tile, output),
    };
    tile.push({ op: "mask-tokens", layer, fields });
  });
}
