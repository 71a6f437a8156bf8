import type { LegalNet } from "../../../../src/backends/loihi/index.js";
import {
  compileLoihi,
  legalize,
  MAP_OBJECTIVES,
  type MapObjective,
  type MapOptions,
} from "../../../../src/backends/loihi/index.js";
import type { HostNet, LoihiProgram } from "../../../../src/backends/program/loihi/program.js";
import { loihiChipSchema, readChip, type LoihiChip } from "../../../../src/chips/index.js";
import { Report } from "../../../../src/diagnostics/index.js";
import { printNet, type Net } from "../../../../src/ir/index.js";
import { randomNet } from "../../../support/random-net.js";
import { mixedNet, Random, sdtNet, stattenNet } from "../../layerwise/nets.js";
import { quantised } from "../support.js";

const TEACHING = readChip("loihi-teaching", new Report(), "loihi")!;
const LARGE = readChip("loihi1+attention", new Report(), "loihi")!;

/** Parts of the host as text alone. */
export const writeHost = (net: Net): HostNet => ({ text: printNet(net), constants: new Uint8Array(0) });

export function mapped(legal: LegalNet, chip: LoihiChip, options: Partial<MapOptions> = {}): LoihiProgram | undefined {
  return compileLoihi(legal, chip, { writeHost, ...options }, new Report());
}

export function mapReport(legal: LegalNet, chip: LoihiChip, options: Partial<MapOptions> = {}): Report {
  const report = new Report();
  compileLoihi(legal, chip, { writeHost, ...options }, report);
  return report;
}

/** A chip of which every limit of a core is drawn; large enough for small nets more often than not. */
export function randomChip(random: Random): LoihiChip {
  const wordBits = random.pick([1, 8, 32, 64]);
  const weightBits = random.pick([8, 9]);
  const delayBits = random.int(2, 6);
  const format = {
    weightBits,
    tagBits: random.int(0, 2),
    blockSynapses: random.int(1, 64),
    headerBits: random.int(0, 12),
  };
  const bases = random.pick([true, false])
    ? { sharedBases: { below: random.int(1, 40), multipleOf: random.int(1, 3) } }
    : {};
  const compartments = random.int(3, 60);
  const synapseFormats = [
    { name: "dense", ...format, indexBits: 0, delayBits, shared: random.pick([true, false]) },
    { name: "sparse", ...format, indexBits: 6, delayBits: 0, shared: false },
    { name: "sparse-delayed", ...format, indexBits: 6, delayBits, shared: false },
    { name: "convolution", ...format, indexBits: 6, delayBits, shared: true, ...bases },
    { name: "narrow", ...format, weightBits: 4, indexBits: 4, delayBits: 0, shared: true },
  ];
  const each = Object.fromEntries(synapseFormats.map(({ name }) => [name, 1]));
  return loihiChipSchema.parse({
    ...LARGE,
    name: "random",
    mesh: {
      tilesX: random.int(2, 6),
      tilesY: random.int(2, 6),
      coresPerTile: random.int(1, 5),
      chipsX: random.int(1, 3),
      chipsY: random.int(1, 2),
      queueMessages: 4,
    },
    core: {
      compartments,
      inputAxons: random.int(40, 400),
      outputAxons: random.int(40, 400),
      synapseBits: wordBits * random.int(50, 4000),
      wordBits,
      compartmentConfigs: random.int(1, 4),
      thresholdConfigs: random.int(1, 6),
      synapseFormats: random.int(2, 8),
    },
    synapseFormats,
    numerics: { ...LARGE.numerics, weightExponent: [-7, 7], maxDelay: Math.min(63, 2 ** delayBits), gradedBits: 24 },
    attention: { ...LARGE.attention, cores: random.int(2, 3), counters: random.pick([9, 36, 4096]) },
    time: { ...TEACHING.time, synapse: each },
    energy: { ...TEACHING.energy, synapse: each },
  });
}

/** A random net as it is legal on a chip; undefined where it is refused. */
export function randomLegal(seed: number, chip: LoihiChip): LegalNet | undefined {
  const random = new Random(seed * 7919);
  const timesteps = random.pick([2, 4]);
  const channels = 6 * random.int(1, 2);
  const source = [
    () =>
      sdtNet(random, {
        timesteps,
        tokens: random.int(1, 6),
        channels,
        heads: 3,
        dvs: random.pick([true, false, false]),
      }),
    () =>
      stattenNet(random, {
        timesteps,
        chunk: 2,
        side: 2,
        channels,
        heads: 2,
        held: random.pick([true, false, false]),
        tet: true,
      }),
    () => mixedNet(random, 4),
    () => randomNet(seed, { ops: 3 + (seed % 7), motifs: random.pick([true, false]) }),
  ][seed % 4]!();
  const integers = quantised(source, chip);
  if (integers === undefined) return undefined;
  return legalize(integers, chip, { streams: random.pick(["relay", "unroll", "auto"]) }, new Report());
}

export interface Mapped {
  readonly seed: number;
  readonly found: LegalNet;
  readonly program: LoihiProgram;
  readonly objective: MapObjective;
}

/** Random legal nets that a random chip has room for, with their programs: mapped for time, and for few cores. */
export function mappings(seeds: number): readonly Mapped[] {
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) => {
    const chip = randomChip(new Random(seed));
    const found = randomLegal(seed, chip);
    if (found === undefined || found.populations.length === 0) return [];
    // Sources change with every seed.
    const objective = MAP_OBJECTIVES[(seed >> 2) % 2]!;
    const program = mapped(found, chip, { objective });
    return program === undefined ? [] : [{ seed, found, program, objective }];
  });
}
