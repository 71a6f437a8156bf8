import { outputsOf, positionsOf, type Op, type OpView, type ValueType, type Window } from "../../../ir/index.js";
import { addressOf, alike, dataSlot, lanesUsed, spikeSlot, wholePass, type Place, type Tile } from "../stage.js";
import type { Group } from "../timing.js";
import { nameOf } from "../values.js";
import { regionLayout, weightRegion } from "../weights.js";
import { checkWeights } from "../limits.js";
import { formatCode, gridOf, type LowerContext } from "./context.js";
import { fireFields, lowerNeuron, type Neuron } from "./neuron.js";
import { POINT, windowFields, windowOperand } from "./window.js";

/** The shape in which the accumulate engine sees a weighted op: a dense layer is a column of positions. */
interface Geometry {
  readonly window: Window;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

function geometryOf(context: LowerContext, op: Op, x: ValueType): Geometry {
  if (op.name === "synapse.dense") {
    const positions = positionsOf(x);
    return { window: POINT, height: positions, width: 1, outHeight: positions, outWidth: 1 };
  }
  const out = gridOf(op.type);
  return { window: context.view(op).window(), ...gridOf(x), outHeight: out.height, outWidth: out.width };
}

/** Width at which integer results saturate, as an instruction's field: 0 where they never do. */
export function resultBits(view: OpView): number {
  const bits = view.number("bits");
  return bits === 32 ? 0 : bits;
}

/** Where the sums of a tile go for a group (or for all of it, where the operand holds). */
interface Target {
  readonly output: number;
  readonly outputStride: number;
  readonly outputStepStride: number;
}

/** A weighted op, with the neuron behind it where that is its only user. */
export function weightedStage(context: LowerContext, op: Op): void {
  const input = context.mapOf(op.operands[0]);
  if (input === undefined) return;
  const x = context.typeOf(op.operands[0] ?? "");
  const weights = context.view(op).weights();
  if (!checkWeights(context, op, weights, input, x)) return;
  const { chip, facts } = context;
  const layer = context.layer(op);
  const format = op.type.number.kind;
  const neuronOp = facts.fusedNeuron(op);
  const neuron = neuronOp === undefined ? undefined : lowerNeuron(context, neuronOp, format);
  if (neuronOp !== undefined && neuron === undefined) return;
  const output =
    neuron === undefined
      ? context.dataMap(op.result, op.type, format)
      : context.spikeMap(neuron.op.result, neuron.op.type);
  const rows = weights.mantissa.length / outputsOf(weights);
  const layout = regionLayout(rows, neuron?.rows, chip);
  const units = {
    input: x.number.kind === "int" ? x.number.exp : 0,
    output: op.type.number.kind === "int" ? op.type.number.exp : undefined,
  };
  const regions = Array.from({ length: output.blocks }, (_, block) =>
    context.region(weightRegion(weights, units, neuron?.rows, block, chip, layer)),
  );
  const geometry = geometryOf(context, op, x);
  const held = input.memory === "data" && input.span === "static";

  const sums = (tile: Tile, place: Place, group: Group, target: Target): void => {
    const { first, steps } = group;
    const slot = input.memory === "spike" ? spikeSlot(input, group) : dataSlot(input, first);
    const fields = {
      ...windowFields(place, slot, input, geometry, geometry.window, tile),
      channels: input.channels,
      weights: 0,
      parameters: layout.parameters,
      lanesUsed: lanesUsed(output.channels, tile.block, chip.lanes),
      ...target,
      format: formatCode(format),
      resultBits: resultBits(context.view(op)),
      firstStep: first,
      steps,
    };
    const common = { layer, region: regions[tile.block] ?? 0, sources: [input.name] };
    if (input.memory === "spike") {
      const planes = { planes: input.usedPlanes, planeStride: place.slotStride };
      tile.push({ op: "accumulate", ...common, fields: { ...fields, ...planes } });
    } else {
      const slots = {
        inputFormat: formatCode(input.format),
        inputStepStride: place.slotStride,
        slots: held ? 1 : steps,
      };
      tile.push({ op: "multiply", ...common, fields: { ...fields, ...slots } });
    }
  };

  const emitFused = (tile: Tile, place: Place, fused: Neuron): void => {
    const [first] = tile.pass.groups;
    if (first === undefined) return;
    const buffer = (): Target => ({ output: tile.current(), outputStride: 1, outputStepStride: tile.positions });
    const heldTarget = held ? buffer() : undefined;
    if (heldTarget !== undefined) sums(tile, place, { ...first, steps: 1 }, heldTarget);
    for (const group of tile.pass.groups) {
      const target = heldTarget ?? buffer();
      if (!held) sums(tile, place, group, target);
      const current = { address: target.output, stride: 1, stepStride: target.outputStepStride, held };
      const fields = fireFields(context, fused, layout, tile, group, current, {
        blocks: output.blocks,
        row: tile.first * geometry.outWidth,
        address: addressOf(tile.output, spikeSlot(output, group), tile.first),
      });
      tile.push({ op: "fire", layer: fused.layer, fields, region: regions[tile.block] ?? 0 });
    }
  };

  const emitMap = (tile: Tile, place: Place): void => {
    const groups = held ? tile.pass.groups.slice(0, 1).map((g) => ({ ...g, steps: 1 })) : tile.pass.groups;
    for (const group of groups) {
      sums(tile, place, group, {
        output: addressOf(tile.output, dataSlot(output, group.first), tile.first) + tile.block,
        outputStride: output.blocks,
        outputStepStride: tile.output.slotStride,
      });
    }
  };

  context.stage({
    name: nameOf(op),
    phase: facts.phaseOf(neuron?.op.result ?? op.result),
    layer,
    output,
    rows: geometry.outHeight,
    rowPositions: geometry.outWidth,
    operands: [op.name === "synapse.dense" ? alike(input, 1) : windowOperand(input, x, geometry.window)],
    channelBlocks: output.blocks,
    ...(neuron === undefined ? {} : { current: { held } }),
    stateWords: neuron === undefined ? 0 : neuron.stateWords * output.blocks,
    weightWords: layout.words * regions.length,
    units: wholePass,
    emit(tile) {
      const place = tile.inputs[0];
      if (place === undefined) return;
      if (neuron === undefined) emitMap(tile, place);
      else emitFused(tile, place, neuron);
    },
  });
}
