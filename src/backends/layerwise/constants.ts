import { wordBytes, type LayerwiseChip } from "../../chips/layerwise.js";
import type { IntTensor, RealTensor } from "../../ir/index.js";
import type { Home } from "./dram.js";
import { lanesUsed, slotWords, type FeatureMap } from "./stage.js";
import type { Group, Timing } from "./timing.js";

/** A map whose values are known when the net is compiled. */
export interface ConstantMap {
  readonly map: FeatureMap;
  /** [1, shape...] for the same values at all moments, else [moments, shape...]. */
  readonly values: RealTensor | IntTensor;
}

/** Calls `visit` with each element of a slot: its number, its word within the slot, its lane. */
function forElements(
  map: FeatureMap,
  lanes: number,
  visit: (element: number, word: number, lane: number) => void,
): void {
  for (let p = 0, element = 0; p < map.positions; p++) {
    for (let block = 0; block < map.blocks; block++) {
      const used = lanesUsed(map.channels, block, lanes);
      for (let lane = 0; lane < used; lane++) visit(element++, p * map.blocks + block, lane);
    }
  }
}

/** One slot of 32-bit lanes. */
function writeData(bytes: DataView, { map, values }: ConstantMap, moment: number, lanes: number): void {
  const from = moment * map.positions * map.channels;
  forElements(map, lanes, (element, word, lane) => {
    const at = (word * lanes + lane) * 4;
    if (values.kind === "real") bytes.setFloat32(at, values.data[from + element]!, true);
    else bytes.setInt32(at, values.data[from + element]!, true);
  });
}

/** The spikes of a group: per word, `lanes` bits of each of its timesteps. */
function writeSpikes(bytes: DataView, { map, values }: ConstantMap, group: Group, chip: LayerwiseChip): void {
  const word = wordBytes(chip, "spike");
  const size = map.positions * map.channels;
  for (let step = 0; step < group.steps; step++) {
    const from = values.shape[0] === 1 ? 0 : (group.first + step) * size;
    forElements(map, chip.lanes, (element, index, lane) => {
      if (values.data[from + element] === 0) return;
      const at = index * word + ((step * chip.lanes + lane) >> 3);
      bytes.setUint8(at, bytes.getUint8(at) | (1 << (lane & 7)));
    });
  }
}

/** The constants that a group of layers reads. */
export interface ConstantGroup {
  readonly constants: readonly ConstantMap[];
  readonly timing: Timing;
}

/** Where constant maps lie in DRAM, and where the last one ends. */
export interface ConstantPlaces {
  readonly homes: ReadonlyMap<FeatureMap, Home>;
  readonly end: number;
}

const spikeGroups = ({ timing }: ConstantGroup): readonly Group[] => timing.blocks.flatMap((block) => block.groups);

/**
 * Places the constant maps behind the weights (`start` bytes), as inputs lie in DRAM: slot by slot, each at a multiple of the
 * burst. Data maps with the same values at all moments have one slot, which is loaded again for each.
 */
export function placeConstants(groups: readonly ConstantGroup[], chip: LayerwiseChip, start: number): ConstantPlaces {
  const burst = chip.dram.burstBytes;
  const homes = new Map<FeatureMap, Home>();
  let end = start;
  for (const group of groups) {
    for (const { map, values } of group.constants) {
      const slotBytes = Math.ceil((slotWords(map) * wordBytes(chip, map.memory)) / burst) * burst;
      const slots = map.memory === "spike" ? spikeGroups(group).length : (values.shape[0] ?? 1);
      const bytes = slots * slotBytes;
      homes.set(map, { dram: end, slotBytes: slots === 1 && map.memory === "data" ? 0 : slotBytes, bytes, all: true });
      end += bytes;
    }
  }
  return { homes, end };
}

/** What lies in DRAM from the start: the weights, and behind them the constant maps. */
export function withConstants(
  weights: Uint8Array,
  groups: readonly ConstantGroup[],
  { homes, end }: ConstantPlaces,
  chip: LayerwiseChip,
): Uint8Array {
  if (end === weights.length) return weights;
  const bytes = new Uint8Array(end);
  bytes.set(weights);
  for (const group of groups) {
    for (const constant of group.constants) {
      const { map, values } = constant;
      const home = homes.get(map)!;
      const slot = (index: number): DataView => new DataView(bytes.buffer, home.dram + index * home.slotBytes);
      if (map.memory === "data") {
        for (let t = 0; t < (values.shape[0] ?? 1); t++) writeData(slot(t), constant, t, chip.lanes);
      } else for (const steps of spikeGroups(group)) writeSpikes(slot(steps.index), constant, steps, chip);
    }
  }
  return bytes;
}
