import type { LayerwiseChip } from "../../chips/layerwise.js";
import { wordBytes } from "../../chips/layerwise.js";
import { internalError } from "../../diagnostics/index.js";
import { valueTypes, type Net } from "../../ir/index.js";
import type { Port } from "../program/program.js";
import type { ConstantMap, ConstantPlaces } from "./constants.js";
import type { MemoryPlan } from "./memory.js";
import { slotsOf, slotWords, type FeatureMap, type Stage } from "./stage.js";
import type { Pass, Timing } from "./timing.js";

/** A map's place in DRAM: slot by slot, each at a multiple of the burst. */
export interface Home {
  readonly dram: number;
  readonly slotBytes: number;
  /** Of all slots together. */
  readonly bytes: number;
  /** Every slot of the sample has its own place, as in a port; else those of one time block. */
  readonly all: boolean;
}

export interface DramPlan {
  homeOf(key: FeatureMap | Stage): Home;
  /** All places but those of the weights; a value that crosses has one place and a map in each group, a port may be such a place. */
  readonly homes: ReadonlyMap<FeatureMap | Stage, Home>;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Place of each output; an output may be returned under several names. */
  outputHomes(map: FeatureMap): readonly Home[];
  readonly bytes: number;
}

/** A group of a schedule, its memories planned. */
export interface DramGroup {
  /** The group as a net; see {@link groupNet}. */
  readonly net: Net;
  readonly stages: readonly Stage[];
  readonly plan: MemoryPlan;
  readonly timing: Timing;
  readonly constants: readonly ConstantMap[];
  /** How a value lies in this group. */
  mapOf(value: string): FeatureMap | undefined;
}

/**
 * Places in DRAM behind the weights and constants: the ports of the net, values that cross from group to group, and what each
 * group moved out of the on-chip memories.
 */
export function planDram(
  net: Net,
  groups: readonly DramGroup[],
  chip: LayerwiseChip,
  constants: ConstantPlaces,
): DramPlan {
  const burst = chip.dram.burstBytes;
  let end = constants.end;
  const take = (bytes: number): number => {
    const at = end;
    end = Math.ceil((end + bytes) / burst) * burst;
    return at;
  };
  const slotBytes = (map: FeatureMap): number =>
    Math.ceil((slotWords(map) * wordBytes(chip, map.memory)) / burst) * burst;
  /** Places of a value that every group finds there: the ports that return it, or its own. */
  const places = new Map<string, readonly Home[]>();
  const port = (name: string, value: string, shape: readonly number[]): Port[] => {
    const group = groups.find((g) => g.mapOf(value) !== undefined);
    const map = group?.mapOf(value);
    if (group === undefined || map === undefined) return [];
    const slots = map.span === "static" ? 1 : group.timing.timesteps;
    const slotStride = slotBytes(map);
    const bytes = slotStride * slots;
    const dram = take(bytes);
    places.set(value, [...(places.get(value) ?? []), { dram, slotBytes: slotStride, bytes, all: true }]);
    return [{ name, dram, slotStride, slots, shape, format: map.format }];
  };
  const types = valueTypes(net);
  const inputs = net.inputs.flatMap(({ name, type }) => port(name, name, type.shape));
  const outputs = net.outputs.flatMap(({ name, value }) => port(name, value, types.get(value)?.shape ?? []));

  const homes = new Map<FeatureMap | Stage, Home>(constants.homes);
  const outputHomes = new Map<FeatureMap, readonly Home[]>();
  const made = new Set(groups.flatMap((group) => group.net.outputs.map(({ value }) => value)));
  for (const { net: group, timing, mapOf } of groups) {
    const ownHome = (map: FeatureMap): Home => {
      const stride = slotBytes(map);
      const bytes = stride * slotsOf(map, timing.final).count;
      return { dram: take(bytes), slotBytes: stride, bytes, all: true };
    };
    // A group that is laid out alone, for its costs, reads what another one would have left.
    for (const { name } of group.inputs) {
      const map = mapOf(name);
      if (map !== undefined && !places.has(name) && !made.has(name)) places.set(name, [ownHome(map)]);
    }
    for (const { value } of group.outputs) {
      const map = mapOf(value);
      if (map === undefined) continue;
      const found = places.get(value) ?? [ownHome(map)];
      places.set(value, found);
      outputHomes.set(map, found);
    }
    for (const value of [...group.inputs.map(({ name }) => name), ...group.outputs.map((o) => o.value)]) {
      const [map, home] = [mapOf(value), places.get(value)?.[0]];
      if (map !== undefined && home !== undefined) homes.set(map, home);
    }
  }
  for (const { stages, plan, timing } of groups) {
    for (const { output } of stages) {
      if (plan.onChip(output) || homes.has(output)) continue;
      const passes: readonly Pass[] = output.span === "block" ? timing.blocks : [timing.final];
      const count = Math.max(...passes.map((pass) => slotsOf(output, pass).count));
      const stride = slotBytes(output);
      const bytes = stride * count;
      homes.set(output, { dram: take(bytes), slotBytes: stride, bytes, all: output.span === "all" });
    }
    for (const stage of stages) {
      if (plan.stateOnChip(stage)) continue;
      const bytes = stage.rows * stage.rowPositions * stage.stateWords * wordBytes(chip, "data");
      homes.set(stage, { dram: take(bytes), slotBytes: 0, bytes, all: true });
    }
  }
  return {
    homeOf(key) {
      const home = homes.get(key);
      if (home === undefined) throw internalError(`\`${key.name}\` has no place in DRAM`);
      return home;
    },
    homes,
    inputs,
    outputs,
    outputHomes: (map) => outputHomes.get(map) ?? [],
    bytes: end,
  };
}
