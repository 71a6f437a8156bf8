import type { LoihiChip, SynapseFormat } from "../../../chips/loihi.js";
import { sendersOf } from "./check.js";
import type { AttentionCore, LoihiProgram, NeuroCore } from "./program.js";

/**
 * Whether a program, sound in itself (`checkStructure`), asks of a core what the chip has: docs/loihi-chip.md, section 8. One sentence per
 * fault. Reads the page and the program; the compiler has arithmetic of its own.
 */
export function checkLimits(program: LoihiProgram): readonly string[] {
  const { chip, cores, timesteps } = program;
  return cores.flatMap((core, i) => {
    const faults = core.kind === "neuro" ? neuroLimits(core, chip) : attentionLimits(core, chip, timesteps);
    const place = isAttentionSlot(core, chip) === (core.kind === "attention");
    return [
      ...faults,
      ...(place ? [] : [`a core of kind ${core.kind} cannot lie in slot ${core.slot} of tile ${core.tile}`]),
    ].map((fault) => `core ${i}: ${fault}`);
  });
}

/** Attention cores have the last slots of each chip, counted router by router. */
function isAttentionSlot(
  { tile, slot }: { readonly tile: number; readonly slot: number },
  { mesh, attention }: LoihiChip,
): boolean {
  if (attention === undefined) return false;
  const width = mesh.tilesX * mesh.chipsX;
  const x = (tile % width) % mesh.tilesX;
  const y = Math.floor(tile / width) % mesh.tilesY;
  const behind = mesh.tilesX * mesh.tilesY * mesh.coresPerTile - ((y * mesh.tilesX + x) * mesh.coresPerTile + slot);
  return behind <= attention.cores;
}

function above(what: string, used: number, available: number): readonly string[] {
  return used > available ? [`${used} ${what}, it has ${available}`] : [];
}

function neuroLimits(core: NeuroCore, chip: LoihiChip): readonly string[] {
  const { groups, axons, lists, routes } = core;
  const { numerics } = chip;
  const configs = new Set<string>();
  const thresholds = new Set<number>();
  const faults: string[] = [];
  for (const { kind, decayU, decayV, refractory, vMin, vMax, currentShift, crossbar, threshold, bias } of groups) {
    configs.add(JSON.stringify([kind, decayU, decayV, refractory, vMin, vMax, currentShift, crossbar]));
    if (kind === "relay") {
      if (numerics.gradedBits === 0) faults.push("it relays, and messages have no payload");
      continue;
    }
    const unit = 2 ** numerics.thresholdShift;
    for (const each of threshold) {
      thresholds.add(each);
      if (each % unit !== 0 || each / unit >= 2 ** numerics.thresholdMantissaBits)
        faults.push(`no register holds the threshold ${each}`);
    }
    for (const each of bias) if (!holdsBias(each, chip)) faults.push(`no register holds the bias ${each}`);
    if (Math.max(vMax, -vMin) >= 2 ** (numerics.stateBits - 1))
      faults.push(`${vMin}..${vMax} needs more bits than states have`);
  }
  return [
    ...faults.slice(0, 4),
    ...above("compartments", sendersOf(core), chip.core.compartments),
    ...above("input axons", axons.list.length, chip.core.inputAxons),
    ...above("output axons", routes.core.length, chip.core.outputAxons),
    ...above("compartment configurations", configs.size, chip.core.compartmentConfigs),
    ...above("threshold configurations", thresholds.size, chip.core.thresholdConfigs),
    ...listFaults(core, chip),
    ...above("bits of synapse memory", memoryBits(core, chip), chip.core.synapseBits),
    ...(lists.start.length > 1 ? above("synapse formats", formatsUsed(core, chip), chip.core.synapseFormats) : []),
  ];
}

function holdsBias(value: number, { numerics }: LoihiChip): boolean {
  const [least, most] = numerics.biasExponent;
  for (let e = least; e <= most; e++) {
    if (value % 2 ** e === 0 && Math.abs(value / 2 ** e) < 2 ** numerics.biasMantissaBits) return true;
  }
  return false;
}

/** Whole words, block by block. */
function memoryBits({ lists }: NeuroCore, chip: LoihiChip): number {
  let words = 0;
  for (let i = 0; i + 1 < lists.start.length; i++) {
    const { weightBits, indexBits, delayBits, tagBits, headerBits, blockSynapses } =
      chip.synapseFormats[lists.format[i]!]!;
    for (let left = lists.start[i + 1]! - lists.start[i]!; left > 0; left -= blockSynapses) {
      const synapses = Math.min(left, blockSynapses);
      words += Math.ceil((headerBits + synapses * (weightBits + indexBits + delayBits + tagBits)) / chip.core.wordBits);
    }
  }
  return words * chip.core.wordBits;
}

interface ListFacts {
  readonly positive: boolean;
  readonly negative: boolean;
  readonly weights: readonly number[];
}

function factsOf({ lists }: NeuroCore, list: number): ListFacts {
  const weights = [...new Set(lists.weight.subarray(lists.start[list], lists.start[list + 1]))].filter((w) => w !== 0);
  return { positive: weights.some((w) => w > 0), negative: weights.some((w) => w < 0), weights };
}

/** Whether each weight is a mantissa that the format stores, times 2^(6 + exponent). */
function holds(
  { positive, negative, weights }: ListFacts,
  exponent: number,
  { weightBits }: SynapseFormat,
  chip: LoihiChip,
): boolean {
  const { mixedSignDropsLowBit, profile } = chip.numerics;
  const unit = profile === "lava" ? 1 : 2 ** (6 + exponent);
  const mixed = positive && negative;
  return weights.every((weight) => {
    const mantissa = weight / unit;
    if (!Number.isInteger(mantissa)) return false;
    if (!mixedSignDropsLowBit) return Math.abs(mantissa) < 2 ** (weightBits - 1);
    return Math.abs(mantissa) < 2 ** weightBits && !(mixed && mantissa % 2 !== 0);
  });
}

function exponentsOf(facts: ListFacts, format: SynapseFormat, chip: LoihiChip): readonly number[] {
  const [least, most] = chip.numerics.profile === "lava" ? [0, 0] : chip.numerics.weightExponent;
  const all = Array.from({ length: most - least + 1 }, (_, i) => least + i);
  return all.filter((exponent) => holds(facts, exponent, format, chip));
}

function listFaults(core: NeuroCore, chip: LoihiChip): readonly string[] {
  const { lists, axons } = core;
  const count = lists.start.length - 1;
  const uses: number[][] = Array.from({ length: count }, () => []);
  axons.list.forEach((list, e) => uses[list]!.push(axons.base[e]!));
  const faults: string[] = [];
  for (let i = 0; i < count; i++) {
    const format = chip.synapseFormats[lists.format[i]!]!;
    const bases = uses[i]!;
    const fail = (why: string): void => void faults.push(`list ${i} (${format.name}) ${why}`);
    if (bases.length === 0) fail("is used by no axon");
    if (bases.length > 1 && !format.shared) fail(`is shared by ${bases.length} entries`);
    const { below, multipleOf } = format.sharedBases ?? { below: Infinity, multipleOf: 1 };
    if (bases.length > 1 && bases.some((base) => base >= below || base % multipleOf !== 0)) {
      fail("begins where shared lists cannot");
    }
    const places = new Set<string>();
    for (let k = lists.start[i]!; k < lists.start[i + 1]!; k++) {
      const [target, weight, delay] = [lists.target[k]!, lists.weight[k]!, lists.delay[k]!];
      if (delay - 1 >= 2 ** format.delayBits) fail(`has a delay of ${delay}`);
      if (format.indexBits === 0 ? target !== k - lists.start[i]! : target >= 2 ** format.indexBits)
        fail(`has the target ${target}`);
      if (weight === 0 && format.indexBits > 0) fail("stores a weight of 0");
      if (weight !== 0 && places.has(`${target} ${delay}`)) fail(`has compartment ${target} twice`);
      places.add(`${target} ${delay}`);
    }
    if (exponentsOf(factsOf(core, i), format, chip).length === 0)
      fail("holds weights that are no mantissas of one exponent");
    if (faults.length > 8) break;
  }
  return faults;
}

/**
 * Pairs of exponent and sign mode, over all formats: the fewer of two ways, with lists of one sign as such, or as mixed ones where
 * they can be. For each, exponents from below, each as high as the tightest list allows.
 */
function formatsUsed(core: NeuroCore, chip: LoihiChip): number {
  return Math.min(formatsWith(core, chip, false), formatsWith(core, chip, true));
}

function formatsWith(core: NeuroCore, chip: LoihiChip, mix: boolean): number {
  const byMode = new Map<string, Set<string>>();
  for (let i = 0; i + 1 < core.lists.start.length; i++) {
    const index = core.lists.format[i]!;
    const format = chip.synapseFormats[index]!;
    const facts = factsOf(core, i);
    const both = { ...facts, positive: true, negative: true };
    const asMixed = mix ? exponentsOf(both, format, chip) : [];
    const chosen = asMixed.length > 0 ? both : facts;
    const mode = `${index} ${chosen.positive} ${chosen.negative}`;
    byMode.set(mode, (byMode.get(mode) ?? new Set()).add(exponentsOf(chosen, format, chip).join()));
  }
  let used = 0;
  for (const ranges of byMode.values()) {
    let left = [...ranges].map((range) => range.split(",").map(Number));
    while (left.length > 0) {
      const highest = Math.min(...left.map((range) => Math.max(...range)));
      left = left.filter((range) => !range.includes(highest));
      used++;
    }
  }
  return used;
}

function attentionLimits(core: AttentionCore, chip: LoihiChip, timesteps: number): readonly string[] {
  const limits = chip.attention!;
  const { heads, headDim, tokens, chunk, routes } = core;
  const inTurn = limits.mode === "lockstep";
  return [
    ...above("counters", heads * headDim * headDim, limits.counters),
    ...above("sets of counters", inTurn || chunk >= timesteps ? 1 : 2, limits.sets),
    // A counter counts up to chunk x tokens.
    ...above("bits of a counter", (chunk * tokens).toString(2).length, limits.counterBits),
    ...above("bits of queries", (inTurn ? 1 : 2) * chunk * tokens * heads * headDim, limits.queryBits),
    ...above("input axons", 3 * tokens * heads * headDim, limits.inputAxons),
    ...above("output axons", routes.core.length, limits.outputAxons),
  ];
}
