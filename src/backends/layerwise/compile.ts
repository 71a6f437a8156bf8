import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import type { Report } from "../../diagnostics/index.js";
import { netTimesteps, type Net } from "../../ir/index.js";
import type { Schedule, ScheduleGroup } from "../../passes/cost-model.js";
import type { Program } from "../program/program.js";
import { placeConstants, withConstants, type ConstantPlaces } from "./constants.js";
import { layerwiseDiagnostics } from "./diagnostics.js";
import { planDram, type DramGroup, type DramPlan } from "./dram.js";
import { Emitter } from "./emit.js";
import { groupNet, oneGroup } from "./groups.js";
import { LowerContext, ProgramParts } from "./lower/context.js";
import { checkOutputs, lowerNet } from "./lower/index.js";
import { planMemory } from "./memory.js";
import { notesOf } from "./notes.js";
import { placeWeights, type PlacedWeights } from "./place-weights.js";
import { regionsOf } from "./regions.js";
import type { FeatureMap } from "./stage.js";
import { chooseBlock, chunksOf, smallestBlock, timingOf } from "./timing.js";
import { assignTokens } from "./tokens.js";
import { NetFacts } from "./values.js";
import { weightAddresses, weightImage } from "./weights.js";

export interface LayerwiseOptions {
  /** Timesteps that a layer runs before the next one starts; a multiple of every chunk. Default: all. */
  readonly timeBlock?: number;
  /** Groups of layers with a time block each, instead of one time block for the whole net. */
  readonly schedule?: Schedule;
}

/** DRAM addresses are instruction fields of 31 bits. */
const DRAM_LIMIT = 2 ** 31 - 1;

/**
 * Compiles a verified net, batch-norms folded, for the layer-by-layer chip: stages, memory plan, instructions, weights,
 * tokens. Everything that the chip cannot do is reported.
 */
export function compileLayerwise(
  net: Net,
  chip: LayerwiseChip,
  options: LayerwiseOptions,
  report: Report,
): Program | undefined {
  const schedule = options.schedule ?? wholeNet(net, options.timeBlock, report);
  if (schedule === undefined) return undefined;
  const parts = new ProgramParts();
  const planned = planGroups(net, chip, schedule, parts, report);
  if (planned === undefined) return undefined;
  const laid = layOut(net, planned, chip, parts);
  if (laid.dram.bytes > DRAM_LIMIT) {
    const message = `the net needs ${laid.dram.bytes} bytes of DRAM, addresses end at ${DRAM_LIMIT}`;
    return report.add(layerwiseDiagnostics.make("does-not-fit", message, { hint: "use a smaller net or time block" }));
  }
  const { instructions, tokens } = assignTokens(laid.placed.drafts, chip);
  return {
    name: net.name,
    target: "layerwise",
    chip,
    timesteps: netTimesteps(net),
    layers: parts.layers,
    inputs: laid.dram.inputs,
    outputs: laid.dram.outputs,
    tokens,
    dramBytes: laid.dram.bytes,
    instructions,
    regions: regionsOf(planned, parts.regions, laid, chip),
    weights: withConstants(
      weightImage(parts.regions, wordBytes(chip, "weight"), laid.weights),
      planned,
      laid.constants,
      chip,
    ),
    notes: notesOf(planned, laid.placed, parts.regions.length, chip),
  };
}

/** One group with the wanted time block, by default all timesteps. */
function wholeNet(net: Net, timeBlock: number | undefined, report: Report): Schedule | undefined {
  const block = chooseBlock(netTimesteps(net), chunksOf(net), timeBlock, report);
  return block === undefined ? undefined : oneGroup(net, block);
}

/** A group of a schedule, lowered, with its places in the on-chip memories. */
export interface PlannedGroup extends DramGroup {
  readonly block: number;
}

/** Lowers and places the groups of a schedule one after the other; undefined with reports where one cannot run. */
export function planGroups(
  net: Net,
  chip: LayerwiseChip,
  schedule: Schedule,
  parts: ProgramParts,
  report: Report,
): readonly PlannedGroup[] | undefined {
  const made = new Map<string, FeatureMap>();
  const planned: PlannedGroup[] = [];
  for (const group of schedule) {
    const found = planGroup(net, chip, group, parts, (value) => made.get(value), report);
    if (found === undefined) return undefined;
    planned.push(found);
    for (const { value } of found.net.outputs) {
      const map = found.mapOf(value);
      if (map !== undefined) made.set(value, map);
    }
  }
  return planned;
}

/** Lowers and places one group; `entering` says how the values of earlier groups lie. */
export function planGroup(
  net: Net,
  chip: LayerwiseChip,
  group: ScheduleGroup,
  parts: ProgramParts,
  entering: (value: string) => FeatureMap | undefined,
  report: Report,
): PlannedGroup | undefined {
  const part = groupNet(net, group);
  const timing = timingOf(netTimesteps(net), group.block, chip.parallelTimesteps);
  const errorsBefore = report.errors.length;
  const context = new LowerContext(new NetFacts(part, timing), chip, report, parts, entering);
  lowerNet(context);
  const known = new Set([
    ...part.ops.map((op) => op.result),
    ...(group.from === 0 ? net.inputs.map((i) => i.name) : []),
  ]);
  checkOutputs(
    context,
    net.outputs.filter(({ value }) => known.has(value)),
  );
  if (report.errors.length > errorsBefore) return undefined;
  const stages = context.stages();
  const smallest = smallestBlock(chunksOf(part));
  const groups = part === net ? ", or let `--time-block auto` divide the net into groups" : "";
  const hint = `${group.block > smallest ? `, or use a smaller time block (down to ${smallest})` : ""}${groups}`;
  const plan = planMemory(stages, timing, chip, hint, report);
  const { constants } = context;
  return (
    plan && { net: part, block: group.block, stages, plan, timing, constants, mapOf: (value) => context.mapOf(value) }
  );
}

/** All places, and the instructions before tokens. */
export interface Layout {
  readonly placed: PlacedWeights;
  readonly dram: DramPlan;
  /** Where the weights lie in DRAM. */
  readonly weights: ReturnType<typeof weightAddresses>;
  readonly constants: ConstantPlaces;
}

/** Instructions of all groups, weights placed, before tokens. */
export function layOut(
  net: Net,
  groups: readonly PlannedGroup[],
  chip: LayerwiseChip,
  { regions }: ProgramParts,
): Layout {
  const weights = weightAddresses(regions, wordBytes(chip, "weight"), chip.dram.burstBytes);
  const constants = placeConstants(groups, chip, weights.bytes);
  const dram = planDram(net, groups, chip, constants);
  let epoch = 0;
  const drafts = groups.flatMap(({ stages, plan, timing }) => {
    const emitter = new Emitter(plan, dram, timing, chip, epoch);
    emitter.run(stages);
    epoch += timing.blocks.length;
    return emitter.drafts;
  });
  const capacity = Math.floor(chip.memories.weight.bytes / wordBytes(chip, "weight"));
  return { placed: placeWeights(drafts, regions, weights.addresses, capacity), dram, weights, constants };
}
