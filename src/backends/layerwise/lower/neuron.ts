import { channelsOf, type Op, type OpView } from "../../../ir/index.js";
import { CHARGE_RULES, type FieldsOf } from "../../program/instruction.js";
import {
  addressOf,
  alike,
  dataSlot,
  lanesUsed,
  spikeSlot,
  wholePass,
  type FeatureMap,
  type Stage,
  type Tile,
} from "../stage.js";
import type { Group } from "../timing.js";
import { nameOf } from "../values.js";
import { NO_UNITS, regionLayout, weightRegion, type NeuronRows, type RegionLayout } from "../weights.js";
import { formatCode, type LowerContext } from "./context.js";

/** A neuron op as the fire engine sees it. */
export interface Neuron {
  readonly op: Op;
  readonly layer: number;
  readonly format: "real" | "int";
  readonly channels: number;
  readonly rows: NeuronRows;
  readonly inRows: boolean;
  /** Data words of potentials per position and channel block: two for cuba. */
  readonly stateWords: number;
  readonly constants: Pick<
    FieldsOf<"fire">,
    "rule" | "a" | "b" | "vTh" | "vReset" | "v0" | "gt" | "soft" | "stateBits" | "fractionBits" | "wrap"
  >;
}

const GAIN_RULES: ReadonlySet<string> = new Set(["divide", "multiply", "decay-then-add", "decay", "shift"]);

function uniform(values: Float32Array): number | undefined {
  const first = values[0] ?? 0;
  return values.every((value) => value === first) ? first : undefined;
}

/** Integer potentials against a fraction: h >= 4.5 is h >= 5, and h > 4.5 is h > 4. */
function integerThresholds(thresholds: Float32Array, gt: boolean): Float32Array {
  return thresholds.map((value) => (gt ? Math.floor(value) : Math.ceil(value)));
}

/** Parameters of a neuron op; undefined, with a report, where the fire engine has no counterpart. */
export function lowerNeuron(context: LowerContext, op: Op, format: "real" | "int"): Neuron | undefined {
  const view = context.view(op);
  const channels = channelsOf(op.type);
  const charge = view.call("charge");
  const gt = view.word("fire") === "gt";
  const soft = view.word("reset") === "soft";
  let vTh = view.perChannel("v_th", channels);
  if (format === "int" && vTh.some((value) => !Number.isInteger(value))) {
    if (soft)
      return context.refuse(op, "needs integer thresholds for a soft reset of integer potentials", "round v_th");
    vTh = integerThresholds(vTh, gt);
  }
  if (format === "int" && vTh.some((value) => Math.abs(value) >= 2 ** 31)) {
    return context.refuse(op, "needs thresholds of 32 bits on integer currents");
  }
  const { a, gains } = firstArgument(view, charge.name, charge.args[0] ?? 0, channels);
  const threshold = uniform(vTh);
  const rows: NeuronRows = { thresholds: threshold === undefined ? vTh : undefined, integer: format === "int", gains };
  return {
    op,
    layer: context.layer(op),
    format,
    channels,
    rows,
    inRows: rows.thresholds !== undefined || gains !== undefined,
    stateWords: charge.name === "cuba" ? 2 : 1,
    constants: {
      rule: CHARGE_RULES.findIndex((rule) => rule === charge.name),
      a,
      b: charge.args[1] ?? 0,
      vTh: threshold ?? 0,
      vReset: view.operand(0).number.kind === "real" ? Math.fround(view.number("v_reset")) : view.number("v_reset"),
      v0: view.number("v0"),
      gt: gt ? 1 : 0,
      soft: soft ? 1 : 0,
      stateBits: view.number("state_bits"),
      fractionBits: view.number("fraction_bits"),
      wrap: view.word("overflow") === "wrap" ? 1 : 0,
    },
  };
}

/** The fraction lost, of 4096, by a potential that is forgotten from one timestep to the next. */
const FORGETS = 4096;

/**
 * A neuron without memory is a fire whose potential is lost whole before each charge: h = x whatever v was, for every
 * threshold. So nothing is stored between groups, and no state memory is planned.
 */
function lowerThreshold(context: LowerContext, op: Op): Neuron {
  const view = context.view(op);
  const channels = channelsOf(op.type);
  const gt = view.word("fire") === "gt";
  const vTh = integerThresholds(view.perChannel("v_th", channels), gt);
  const threshold = uniform(vTh);
  const thresholds = threshold === undefined ? vTh : undefined;
  return {
    op,
    layer: context.layer(op),
    format: "int",
    channels,
    rows: { thresholds, integer: true, gains: undefined },
    inRows: thresholds !== undefined,
    stateWords: 0,
    constants: {
      rule: CHARGE_RULES.findIndex((rule) => rule === "decay"),
      a: FORGETS,
      b: 0,
      vTh: threshold ?? 0,
      vReset: 0,
      v0: 0,
      gt: gt ? 1 : 0,
      soft: 0,
      stateBits: 32,
      fractionBits: 0,
      wrap: 0,
    },
  };
}

/** `k` replaces the rule's first argument: as one number, or as a word of gains. Some rules have none to replace. */
function firstArgument(
  view: OpView,
  rule: string,
  a: number,
  channels: number,
): { a: number; gains: Float32Array | undefined } {
  if (view.op.attrs["k"] === undefined || !GAIN_RULES.has(rule)) return { a, gains: undefined };
  const values = view.perChannel("k", channels);
  const one = uniform(values);
  return one === undefined ? { a, gains: values } : { a: one, gains: undefined };
}

/** Where a tile's currents are for a group. */
export interface Current {
  readonly address: number;
  readonly stride: number;
  readonly stepStride: number;
  readonly held: boolean;
}

/** The fire instruction of one group of a tile. */
export function fireFields(
  context: LowerContext,
  neuron: Neuron,
  layout: RegionLayout,
  tile: Tile,
  group: Group,
  current: Current,
  output: { readonly blocks: number; readonly row: number; readonly address: number },
): FieldsOf<"fire"> {
  const stored = tile.state >= 0;
  return {
    current: current.address,
    currentStride: current.stride,
    currentStepStride: current.stepStride,
    slots: current.held ? 1 : group.steps,
    format: formatCode(neuron.format),
    positions: tile.positions,
    lanesUsed: lanesUsed(neuron.channels, tile.block, context.chip.lanes),
    state: stored ? tile.state + tile.block : -1,
    stateRead: stored && group.first > 0 ? 1 : 0,
    stateWrite: stored && group.first + group.steps < context.timing.timesteps ? 1 : 0,
    ...neuron.constants,
    thresholds: layout.thresholds,
    gains: layout.gains,
    output: output.address + tile.block,
    outputStride: output.blocks,
    firstStep: group.first,
    steps: group.steps,
    recordPosition: output.row,
    recordBlock: tile.block,
  };
}

/** Regions of a neuron's own parameters, one per channel block; empty where it has none. */
export function neuronRegions(context: LowerContext, neuron: Neuron, blocks: number): readonly number[] {
  if (!neuron.inRows) return [];
  return Array.from({ length: blocks }, (_, block) =>
    context.region(weightRegion(undefined, NO_UNITS, neuron.rows, block, context.chip, neuron.layer)),
  );
}

/** A neuron that reads a map: real or integer currents, per timestep or held. */
export function neuronStage(context: LowerContext, op: Op): void {
  const view = context.sliceOf(op.operands[0]);
  const input = view?.map ?? context.operand(op, 0, "data");
  if (input === undefined) return;
  const neuron = lowerNeuron(context, op, input.format);
  if (neuron !== undefined) fireStage(context, neuron, input, view?.block ?? 0);
}

/** A neuron without memory, on integers per timestep. */
export function thresholdStage(context: LowerContext, op: Op): void {
  const input = context.operand(op, 0, "data", "int");
  if (input === undefined) return;
  if (input.span === "static") {
    context.refuse(op, "reads a value that holds over the sample; a fire writes spikes of each timestep");
    return;
  }
  fireStage(context, lowerThreshold(context, op), input, 0);
}

/** The stage of a neuron whose currents lie in a map, from channel block `from` on. */
function fireStage(context: LowerContext, neuron: Neuron, input: FeatureMap, from: number): void {
  const { op } = neuron;
  const output = context.spikeMap(op.result, op.type);
  const regions = neuronRegions(context, neuron, output.blocks);
  const layout = regionLayout(undefined, neuron.rows, context.chip);
  const stateWords = neuron.stateWords * output.blocks;
  const stage: Omit<Stage, "index"> = {
    name: nameOf(op),
    phase: context.facts.phaseOf(op.result),
    layer: neuron.layer,
    output,
    rows: output.positions,
    rowPositions: 1,
    operands: [alike(input, 1)],
    channelBlocks: output.blocks,
    stateWords,
    weightWords: layout.words * regions.length,
    units: wholePass,
    emit(tile) {
      const place = tile.inputs[0];
      const region = regions[tile.block];
      if (place === undefined) return;
      for (const group of tile.pass.groups) {
        const current = {
          address: addressOf(place, dataSlot(input, group.first), tile.first) + from + tile.block,
          stride: input.blocks,
          stepStride: place.slotStride,
          held: input.span === "static",
        };
        const address = addressOf(tile.output, spikeSlot(output, group), tile.first);
        const fields = fireFields(context, neuron, layout, tile, group, current, {
          blocks: output.blocks,
          row: tile.first,
          address,
        });
        tile.push({ op: "fire", layer: neuron.layer, fields, ...(region === undefined ? {} : { region }) });
      }
    },
  };
  context.stage(stage);
}
