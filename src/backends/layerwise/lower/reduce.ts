import type { Op } from "../../../ir/index.js";
import { addressOf, alike, dataSlot, spikeSlot, whole, wholePass, type FeatureMap } from "../stage.js";
import { nameOf } from "../values.js";
import { formatCode, type LowerContext } from "./context.js";
import { spikeOperand, stepsOf, vectorStage } from "./pool.js";

/** The data map of an integer result, or of the to-real behind it when that is its only user. */
export function resultMap(context: LowerContext, op: Op): FeatureMap {
  const real = context.facts.fusedToReal(op);
  const units = op.type.number.kind === "int" && op.type.number.exp === 0;
  if (real === undefined || !units) return context.dataMap(op.result, op.type, "int");
  const map = context.dataMap(real.result, real.type, "real");
  context.alias(op.result, map);
  return map;
}

export function sumPositionsStage(context: LowerContext, op: Op): void {
  if (context.mapOf(op.operands[0])?.memory === "data") return meanPositionsStage(context, op);
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
  const format = op.type.number.kind;
  const input = context.operand(op, 0, "data", format);
  if (input === undefined) return;
  const output = context.dataMap(op.result, op.type, format);
  vectorStage(context, op, output, { rows: 1, rowPositions: 1 }, [whole(input)], (tile, layer) => {
    const [place] = tile.inputs;
    if (place === undefined) return;
    const t = tile.pass.first;
    const fields = {
      format: formatCode(format),
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
  const format = op.type.number.kind;
  const input = context.operand(op, 0, "data", format);
  if (input === undefined) return;
  const output = context.dataMap(op.result, op.type, format);
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
        format: formatCode(format),
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

/** The to-real that is the format of a result in front of it does no work of its own; others are conversions. */
export function toRealStage(context: LowerContext, op: Op): void {
  const map = context.mapOf(op.operands[0]);
  if (map === undefined) return;
  const { number } = context.typeOf(op.operands[0] ?? "");
  if (map.name === op.result) return;
  convertStage(context, op, map, { exp: number.kind === "int" ? number.exp : 0, lo: 0, hi: 0 });
}

export function toIntStage(context: LowerContext, op: Op): void {
  const input = context.operand(op, 0, "data", "real");
  if (input === undefined) return;
  const view = context.view(op);
  convertStage(context, op, input, { exp: view.number("exp"), lo: view.number("lo"), hi: view.number("hi") });
}

function convertStage(
  context: LowerContext,
  op: Op,
  input: FeatureMap,
  numbers: { readonly exp: number; readonly lo: number; readonly hi: number },
): void {
  if (input.memory !== "data") {
    context.refuse(op, `converts data maps, \`%${input.name}\` is a spike map`);
    return;
  }
  const format = op.type.number.kind;
  const output = context.dataMap(op.result, op.type, format);
  vectorStage(context, op, output, { rows: output.positions, rowPositions: 1 }, [alike(input, 1)], (tile, layer) => {
    const [place] = tile.inputs;
    if (place === undefined) return;
    const t = tile.pass.first;
    const fields = {
      input: addressOf(place, dataSlot(input, t), tile.first),
      inputStepStride: place.slotStride,
      words: tile.positions * output.blocks,
      format: formatCode(format),
      ...numbers,
      output: addressOf(tile.output, dataSlot(output, t), tile.first),
      outputStepStride: tile.output.slotStride,
      ...stepsOf(tile, output),
    };
    tile.push({ op: "convert", layer, fields });
  });
}
