import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import type { Report } from "../../diagnostics/index.js";
import { netTimesteps, type Net } from "../../ir/index.js";
import type { Program } from "../program/program.js";
import { withConstants } from "./constants.js";
import { layerwiseDiagnostics } from "./diagnostics.js";
import { planDram, type OutputMap } from "./dram.js";
import { Emitter } from "./emit.js";
import { LowerContext } from "./lower/context.js";
import { lowerNet } from "./lower/index.js";
import { planMemory } from "./memory.js";
import { notesOf } from "./notes.js";
import { placeWeights } from "./place-weights.js";
import type { FeatureMap } from "./stage.js";
import { chooseBlock, chunksOf, smallestBlock, timingOf } from "./timing.js";
import { assignTokens } from "./tokens.js";
import { NetFacts } from "./values.js";
import { weightImage } from "./weights.js";

export interface LayerwiseOptions {
  /** Timesteps that a layer runs before the next one starts; a multiple of every chunk. Default: all. */
  readonly timeBlock?: number;
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
  const timesteps = netTimesteps(net);
  const chunks = chunksOf(net);
  const block = chooseBlock(timesteps, chunks, options.timeBlock, report);
  if (block === undefined) return undefined;
  const timing = timingOf(timesteps, block, chip.parallelTimesteps);
  const errorsBefore = report.errors.length;
  const context = new LowerContext(new NetFacts(net, timing), chip, report);
  lowerNet(context);
  if (report.errors.length > errorsBefore) return undefined;
  const { regions, layers } = context;
  const stages = context.stages();

  const smallest = smallestBlock(chunks);
  const hint = block > smallest ? `, or use a smaller time block (down to ${smallest})` : "";
  const plan = planMemory(stages, timing, chip, hint, report);
  if (plan === undefined) return undefined;

  const weights = weightImage(regions, wordBytes(chip, "weight"), chip.dram.burstBytes);
  const image = withConstants(weights.image, context.constants, timing, chip);
  const inputs = mapsByName(
    context,
    net.inputs.map(({ name }) => name),
  );
  const outputs = net.outputs.flatMap(({ name, value }): OutputMap[] => {
    const map = context.mapOf(value);
    return map === undefined ? [] : [{ name, map, shape: context.typeOf(value).shape }];
  });
  const dram = planDram(net, inputs, outputs, stages, plan, timing, chip, image);
  if (dram.bytes > DRAM_LIMIT) {
    const message = `the net needs ${dram.bytes} bytes of DRAM, addresses end at ${DRAM_LIMIT}`;
    return report.add(layerwiseDiagnostics.make("does-not-fit", message, { hint: "use a smaller net or time block" }));
  }

  const emitter = new Emitter(plan, dram, timing, chip);
  emitter.run(stages);
  const capacity = Math.floor(chip.memories.weight.bytes / wordBytes(chip, "weight"));
  const placed = placeWeights(emitter.drafts, regions, weights.addresses, capacity);
  const { instructions, tokens } = assignTokens(placed.drafts, chip);
  return {
    name: net.name,
    target: "layerwise",
    chip,
    timesteps,
    layers,
    inputs: dram.inputs,
    outputs: dram.outputs,
    tokens,
    dramBytes: dram.bytes,
    instructions,
    weights: image.bytes,
    notes: notesOf(stages, plan, placed, regions.length, timing, chip),
  };
}

function mapsByName(context: LowerContext, names: readonly string[]): ReadonlyMap<string, FeatureMap> {
  const maps = new Map<string, FeatureMap>();
  for (const name of names) {
    const map = context.mapOf(name);
    if (map !== undefined) maps.set(name, map);
  }
  return maps;
}
