import type { Op } from "../../../ir/index.js";
import { addressOf, alike, dataSlot, spikeSlot, whole, wholePass, type FeatureMap } from "../stage.js";
import { nameOf } from "../values.js";
import { formatCode, type LowerContext } from "./context.js";
import { spikeOperand, stepsOf, vectorStage } from "./pool.js";

/** The data map of an integer result, or of the to-real behind it when that is its only user. */
export function resultMap(context: LowerContext, op: Op): FeatureMap {
  const real = context.facts.fusedToReal(op);
  if (real === undefined) return context.dataMap(op.result, op.type, "int");
  const map = context.dataMap(real.result, real.type, "real");
  context.alias(op.result, map);
  return map;
}

export function sumPositionsStage(context: LowerContext, op: Op): void {
  const input = spikeOperand(context, op, 0);
  if (input === undefined) return;
  const output = resultMap(context, op);
  vectorStage(context, op, output, { rows: 1, rowPositions: 1 }, [whole(input)], (tile, layer) => {
    const [place] = tile.inputs;
    const [group] = tile.pass.groups;
    if (place === undefined || group === undefined) return;
    const fields = {
      input: addressOf(place, spikeSlot(input, group), 0),
      positions: input.positions,
      blocks: input.blocks,
      output: addressOf(tile.output, dataSlot(output, group.first), 0),
      outputStepStride: tile.output.slotStride,
      format: formatCode(output.format),
      ...stepsOf(tile, output),
    };
    tile.push({ op: "sum-positions", layer, fields });
  });
}

export function meanPositionsStage(context: LowerContext, op: Op): void {
  const input = context.operand(op, 0, "data", "real");
  if (input === undefined) return;
  const output = context.dataMap(op.result, op.type, "real");
  vectorStage(context, op, output, { rows: 1, rowPositions: 1 }, [whole(input)], (tile, layer) => {
    const [place] = tile.inputs;
    if (place === undefined) return;
    const t = tile.pass.first;
    const fields = {
      input: addressOf(place, dataSlot(input, t), 0),
      inputStepStride: place.slotStride,
      positions: input.positions,
      blocks: input.blocks,
      output: addressOf(tile.output, dataSlot(output, t), 0),
      outputStepStride: tile.output.slotStride,
      ...stepsOf(tile, output),
    };
    tile.push({ op: "mean-positions", layer, fields });
  });
}

/** Runs once, after the last time block, over the whole sample. */
export function meanTimeStage(context: LowerContext, op: Op): void {
  const input = context.operand(op, 0, "data", "real");
  if (input === undefined) return;
  const output = context.dataMap(op.result, op.type, "real");
  const layer = context.layer(op);
  context.stage({
    name: nameOf(op),
    phase: "final",
    layer,
    output,
    rows: output.positions,
    rowPositions: 1,
    operands: [alike(input, 1)],
    channelBlocks: 1,
    stateWords: 0,
    weightWords: 0,
    units: wholePass,
    emit(tile) {
      const [place] = tile.inputs;
      if (place === undefined) return;
      const fields = {
        input: addressOf(place, dataSlot(input, 0), tile.first),
        inputStepStride: place.slotStride,
        meanOf: context.timing.timesteps,
        words: tile.positions * output.blocks,
        output: addressOf(tile.output, dataSlot(output, 0), tile.first),
        firstStep: 0,
        steps: 1,
      };
      tile.push({ op: "mean-steps", layer, fields });
    },
  });
}

/** A to-real is the format of the integer result in front of it, and does no work of its own. */
export function toRealStage(context: LowerContext, op: Op): void {
  const producer = context.facts.producers.get(op.operands[0] ?? "");
  const fused = producer !== undefined && context.facts.fusedToReal(producer) === op;
  const formats = producer?.name === "reduce.sum-positions" || producer?.name === "attention.q";
  const { number } = context.typeOf(op.operands[0] ?? "");
  if (fused && formats && number.kind === "int" && number.exp === 0) return;
  context.refuse(op, "is supported only as the only user of a reduce.sum-positions or attention.q in units of 1");
}
