import type { LayerwiseChip } from "../../chips/layerwise.js";
import { wordBytes } from "../../chips/layerwise.js";
import type { Net } from "../../ir/index.js";
import type { Port } from "../program/program.js";
import type { DramImage } from "./constants.js";
import type { MemoryPlan } from "./memory.js";
import { slotsOf, slotWords, type FeatureMap, type Stage } from "./stage.js";
import type { Pass, Timing } from "./timing.js";

/** A map's place in DRAM: slot by slot, each at a multiple of the burst. */
export interface Home {
  readonly dram: number;
  readonly slotBytes: number;
  /** Every slot of the sample has its own place, as in a port; else those of one time block. */
  readonly all: boolean;
}

export interface DramPlan {
  homeOf(key: FeatureMap | Stage): Home;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Place of each output; an output may be returned under several names. */
  outputHomes(map: FeatureMap): readonly Home[];
  readonly bytes: number;
}

export interface OutputMap {
  readonly name: string;
  readonly map: FeatureMap;
  readonly shape: readonly number[];
}

export function planDram(
  net: Net,
  inputs: ReadonlyMap<string, FeatureMap>,
  outputs: readonly OutputMap[],
  stages: readonly Stage[],
  plan: MemoryPlan,
  timing: Timing,
  chip: LayerwiseChip,
  image: DramImage,
): DramPlan {
  const burst = chip.dram.burstBytes;
  let end = image.bytes.length;
  const take = (bytes: number): number => {
    const at = end;
    end = Math.ceil((end + bytes) / burst) * burst;
    return at;
  };
  const slotBytes = (map: FeatureMap): number =>
    Math.ceil((slotWords(map) * wordBytes(chip, map.memory)) / burst) * burst;
  const homes = new Map<FeatureMap | Stage, Home>(image.homes);
  const outputHomes = new Map<FeatureMap, Home[]>();
  const port = (name: string, map: FeatureMap, shape: readonly number[]): Port => {
    const slots = map.span === "static" ? 1 : timing.timesteps;
    const stride = slotBytes(map);
    return { name, dram: take(stride * slots), slotStride: stride, slots, shape, format: map.format };
  };
  const homeOfPort = (p: Port): Home => ({ dram: p.dram, slotBytes: p.slotStride, all: true });
  const inputPorts = net.inputs.flatMap(({ name, type }) => {
    const map = inputs.get(name);
    if (map === undefined) return [];
    const made = port(name, map, type.shape);
    homes.set(map, homeOfPort(made));
    return [made];
  });
  const outputPorts = outputs.map(({ name, map, shape }) => {
    const made = port(name, map, shape);
    if (!homes.has(map)) homes.set(map, homeOfPort(made));
    outputHomes.set(map, [...(outputHomes.get(map) ?? []), homeOfPort(made)]);
    return made;
  });
  for (const { output } of stages) {
    if (plan.onChip(output) || homes.has(output)) continue;
    const passes: readonly Pass[] = output.span === "block" ? timing.blocks : [timing.final];
    const count = Math.max(...passes.map((pass) => slotsOf(output, pass).count));
    const stride = slotBytes(output);
    homes.set(output, { dram: take(stride * count), slotBytes: stride, all: output.span === "all" });
  }
  for (const stage of stages) {
    if (plan.stateOnChip(stage)) continue;
    const bytes = stage.rows * stage.rowPositions * stage.stateWords * wordBytes(chip, "data");
    homes.set(stage, { dram: take(bytes), slotBytes: 0, all: true });
  }
  return {
    homeOf(key) {
      return homes.get(key) ?? { dram: 0, slotBytes: 0, all: true };
    },
    inputs: inputPorts,
    outputs: outputPorts,
    outputHomes: (map) => outputHomes.get(map) ?? [],
    bytes: end,
  };
}
