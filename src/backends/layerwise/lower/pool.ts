import type { Op } from "../../../ir/index.js";
import {
  addressOf,
  alike,
  dataSlot,
  perGroup,
  spikeSlot,
  whole,
  type FeatureMap,
  type Operand,
  type Stage,
  type Tile,
} from "../stage.js";
import { nameOf } from "../values.js";
import { formatCode, gridOf, type LowerContext } from "./context.js";
import { windowFields, windowOperand } from "./window.js";

/** What the stages of the vector engine share: all channel blocks at once, one piece per group, no weights, no state. */
export function vectorStage(
  context: LowerContext,
  op: Op,
  output: FeatureMap,
  shape: { readonly rows: number; readonly rowPositions: number },
  operands: readonly Operand[],
  emit: (tile: Tile, layer: number) => void,
): void {
  const layer = context.layer(op);
  const stage: Omit<Stage, "index"> = {
    name: nameOf(op),
    phase: context.facts.phaseOf(op.result),
    layer,
    output,
    ...shape,
    operands,
    channelBlocks: 1,
    stateWords: 0,
    weightWords: 0,
    units:
      output.span === "static"
        ? (pass) => [{ first: pass.first, steps: 1, groups: pass.groups.slice(0, 1) }]
        : perGroup,
    emit: (tile) => emit(tile, layer),
  };
  context.stage(stage);
}

/** Timesteps of an instruction on one piece: one where the result holds. */
export function stepsOf(tile: Tile, output: FeatureMap): { readonly firstStep: number; readonly steps: number } {
  return { firstStep: tile.pass.first, steps: output.span === "static" ? 1 : tile.pass.steps };
}

export function poolStage(context: LowerContext, op: Op): void {
  const spikes = op.name === "pool.or";
  const input = spikes ? spikeOperand(context, op, 0) : context.operand(op, 0, "data");
  if (input === undefined) return;
  const x = context.typeOf(op.operands[0] ?? "");
  const window = context.view(op).window();
  const output = spikes ? context.spikeMap(op.result, op.type) : context.dataMap(op.result, op.type, input.format);
  const out = gridOf(op.type);
  const grid = { ...gridOf(x), outWidth: out.width };
  const shape = { rows: out.height, rowPositions: out.width };
  vectorStage(context, op, output, shape, [windowOperand(input, x, window)], (tile, layer) => {
    const [place] = tile.inputs;
    const [group] = tile.pass.groups;
    if (place === undefined || group === undefined) return;
    const inSlot = spikes ? spikeSlot(input, group) : dataSlot(input, group.first);
    const outSlot = spikes ? spikeSlot(output, group) : dataSlot(output, group.first);
    const fields = {
      ...windowFields(place, inSlot, input, grid, window, tile),
      output: addressOf(tile.output, outSlot, tile.first),
      outputStride: output.blocks,
      ...stepsOf(tile, output),
    };
    if (spikes) tile.push({ op: "pool-or", layer, fields });
    else {
      const strides = {
        format: formatCode(input.format),
        inputStepStride: place.slotStride,
        outputStepStride: tile.output.slotStride,
      };
      tile.push({ op: "pool-max", layer, fields: { ...fields, ...strides } });
    }
  });
}

/** A spike map of one plane. */
export function spikeOperand(context: LowerContext, op: Op, index: number): FeatureMap | undefined {
  const map = context.operand(op, index, "spike");
  if (map === undefined || map.planes === 1) return map;
  return context.refuse(
    op,
    `needs spikes for operand ${index + 1}, \`%${map.name}\` holds counts in ${map.planes} bit planes`,
  );
}

export function planePoolStage(context: LowerContext, op: Op): void {
  const input = spikeOperand(context, op, 0);
  if (input === undefined) return;
  const view = context.view(op);
  const output = context.spikeMap(op.result, op.type);
  const shape = { rows: 1, rowPositions: output.positions };
  vectorStage(context, op, output, shape, [whole(input)], (tile, layer) => {
    const [place] = tile.inputs;
    const [group] = tile.pass.groups;
    if (place === undefined || group === undefined) return;
    const fields = {
      input: addressOf(place, spikeSlot(input, group), 0),
      positions: input.positions,
      blocks: input.blocks,
      channels: input.channels,
      headDim: input.channels / view.number("heads"),
      kernel: view.number("kernel"),
      output: addressOf(tile.output, spikeSlot(output, group), 0),
      ...stepsOf(tile, output),
    };
    tile.push({ op: "pool-plane", layer, fields });
  });
}

export function maskStage(context: LowerContext, op: Op): void {
  const a = spikeOperand(context, op, 0);
  const b = spikeOperand(context, op, 1);
  if (a === undefined || b === undefined) return;
  const broadcast = b.positions < a.positions;
  const output = context.spikeMap(op.result, op.type);
  const operands = [alike(a, 1), broadcast ? whole(b) : alike(b, 1)];
  vectorStage(context, op, output, { rows: output.positions, rowPositions: 1 }, operands, (tile, layer) => {
    const [left, right] = tile.inputs;
    const [group] = tile.pass.groups;
    if (left === undefined || right === undefined || group === undefined) return;
    const fields = {
      a: addressOf(left, spikeSlot(a, group), tile.first),
      b: addressOf(right, spikeSlot(b, group), broadcast ? 0 : tile.first),
      blocks: a.blocks,
      positions: tile.positions,
      bStride: broadcast ? 0 : b.blocks,
      output: addressOf(tile.output, spikeSlot(output, group), tile.first),
      ...stepsOf(tile, output),
    };
    tile.push({ op: "and", layer, fields });
  });
}
