import { printType, type Op } from "../../../ir/index.js";
import { addressOf, alike, dataSlot, spikeSlot, type FeatureMap } from "../stage.js";
import { formatCode, type LowerContext } from "./context.js";
import { stepsOf, vectorStage } from "./pool.js";
import { resultBits } from "./weighted.js";

/** More planes would shift a weight out of the exact range of a double. */
const MAX_PLANES = 24;

/** Sums of data maps word by word, sums of spikes and counts in bit planes. */
export function addStage(context: LowerContext, op: Op): void {
  const a = context.mapOf(op.operands[0]);
  const b = context.mapOf(op.operands[1]);
  if (a === undefined || b === undefined) return;
  if (a.memory !== b.memory) {
    const types = op.operands.map((name) => printType(context.typeOf(name))).join(" and ");
    context.refuse(op, `needs two data maps or two maps of spikes or counts, got one of each (${types})`);
  } else if (a.memory === "data") addData(context, op, a, b);
  else addPlanes(context, op, a, b);
}

function addData(context: LowerContext, op: Op, a: FeatureMap, b: FeatureMap): void {
  if (a.format !== b.format) {
    context.refuse(op, `needs two real or two integer maps, got ${a.format} and ${b.format}`);
    return;
  }
  const exp = (value: string | undefined): number => {
    const { number } = context.typeOf(value ?? "");
    return number.kind === "int" ? number.exp : 0;
  };
  const unit = exp(op.result);
  const shifts = {
    aShift: a.format === "int" ? exp(op.operands[0]) - unit : 0,
    bShift: a.format === "int" ? exp(op.operands[1]) - unit : 0,
    resultBits: resultBits(context.view(op)),
  };
  if (Math.max(shifts.aShift, shifts.bShift) > 31) {
    context.refuse(op, `adds units ${Math.max(shifts.aShift, shifts.bShift)} bits apart, the chip shifts by 31`);
    return;
  }
  const output = context.dataMap(op.result, op.type, a.format);
  vectorStage(
    context,
    op,
    output,
    { rows: output.positions, rowPositions: 1 },
    [alike(a, 1), alike(b, 1)],
    (tile, layer) => {
      const [left, right] = tile.inputs;
      if (left === undefined || right === undefined) return;
      const t = tile.pass.first;
      const fields = {
        a: addressOf(left, dataSlot(a, t), tile.first),
        b: addressOf(right, dataSlot(b, t), tile.first),
        aStepStride: a.span === "static" ? 0 : left.slotStride,
        bStepStride: b.span === "static" ? 0 : right.slotStride,
        words: tile.positions * output.blocks,
        format: formatCode(a.format),
        ...shifts,
        output: addressOf(tile.output, dataSlot(output, t), tile.first),
        outputStepStride: tile.output.slotStride,
        ...stepsOf(tile, output),
      };
      tile.push({ op: "add", layer, fields });
    },
  );
}

/** Bit planes that a count up to `largest` needs. */
function planesFor(largest: number): number {
  let planes = 1;
  while (2 ** planes - 1 < largest) planes++;
  return planes;
}

function addPlanes(context: LowerContext, op: Op, a: FeatureMap, b: FeatureMap): void {
  const largest = op.type.number.kind === "int" ? op.type.number.hi : 1;
  const planes = Math.max(a.planes, b.planes) + 1;
  if (planes > MAX_PLANES) {
    context.refuse(op, `needs ${planes} bit planes, the chip adds up to ${MAX_PLANES}`);
    return;
  }
  const output = context.spikeMap(op.result, op.type, planes, Math.min(planes, planesFor(largest)));
  vectorStage(
    context,
    op,
    output,
    { rows: output.positions, rowPositions: 1 },
    [alike(a, 1), alike(b, 1)],
    (tile, layer) => {
      const [left, right] = tile.inputs;
      const [group] = tile.pass.groups;
      if (left === undefined || right === undefined || group === undefined) return;
      const fields = {
        a: addressOf(left, spikeSlot(a, group), tile.first),
        aPlanes: a.planes,
        aPlaneStride: left.slotStride,
        b: addressOf(right, spikeSlot(b, group), tile.first),
        bPlanes: b.planes,
        bPlaneStride: right.slotStride,
        words: tile.positions * output.blocks,
        output: addressOf(tile.output, spikeSlot(output, group), tile.first),
        outputPlaneStride: tile.output.slotStride,
        ...stepsOf(tile, output),
      };
      tile.push({ op: "add-planes", layer, fields });
    },
  );
}
