import { z } from "zod";

/**
 * The description of a step-by-step chip: neuro-cores on a mesh, a barrier per timestep. Every number that its mapper and
 * simulators use; times are integer picoseconds, energies picojoules. docs/loihi-chip.md says what each does.
 */

const positive = z.number().int().positive();
const count = z.number().int().nonnegative();
/** Time of one event, ps. */
const ps = count.max(2 ** 40);
/** Energy of one event, pJ. */
const pJ = z.number().nonnegative();

/** Arithmetic of a compartment, by the names of `neuron.loihi`: docs/loihi-arithmetic.md; `truenorth` is that of crossbar cores. */
export const PROFILES = ["loihi", "lava", "nengo", "brian2", "truenorth"] as const;

const synapseFormat = z.strictObject({
  name: z.string().min(1),
  /** Bits of a weight as it is stored, sign included. */
  weightBits: positive.max(32),
  /** Bits of a target index; 0: the targets of a list are consecutive compartments. */
  indexBits: count.max(16),
  delayBits: count.max(8),
  tagBits: count.max(8),
  /** Most synapses of a block, and bits of a block's header; blocks are rounded up to `wordBits`. */
  blockSynapses: positive.max(4096),
  headerBits: count.max(256),
  /** Whether lists of this format may serve several axons of a core, each at its own base compartment. */
  shared: z.boolean(),
  /** Where shared lists may begin: compartments below `below` that are multiples of `multipleOf`. Undefined: anywhere. */
  sharedBases: z.strictObject({ below: positive.max(65_536), multipleOf: positive.max(65_536) }).optional(),
});

export const loihiChipSchema = z
  .strictObject({
    name: z.string().min(1),
    target: z.literal("loihi"),
    description: z.string(),
    mesh: z.strictObject({
      /** Routers of one chip, and cores at each. */
      tilesX: positive.max(1024),
      tilesY: positive.max(1024),
      coresPerTile: positive.max(64),
      /** Chips, side by side; X then Y through all of them. */
      chipsX: positive.max(256),
      chipsY: positive.max(256),
      /** Messages that a queue holds on the chip; higher peaks are reported. */
      queueMessages: positive,
    }),
    core: z.strictObject({
      compartments: positive.max(65_536),
      inputAxons: positive.max(2 ** 20),
      /** Messages that the senders of a core can give off, one per neuron and target core. */
      outputAxons: positive.max(2 ** 20),
      synapseBits: positive.max(2 ** 32),
      wordBits: positive.max(1024),
      compartmentConfigs: positive,
      thresholdConfigs: positive,
      synapseFormats: positive,
    }),
    synapseFormats: z.array(synapseFormat).min(1).max(64),
    numerics: z.strictObject({
      profile: z.enum(PROFILES),
      /** A weight is mantissa * 2^(6 + exponent), exponent in this range. */
      weightExponent: z.tuple([z.number().int(), z.number().int()]),
      /** Of positive and negative weights in one list, the lowest bit is not stored. */
      mixedSignDropsLowBit: z.boolean(),
      /** Synaptic delays, steps. */
      maxDelay: positive.max(63),
      thresholdMantissaBits: positive.max(31),
      thresholdShift: count.max(16),
      biasMantissaBits: positive.max(31),
      biasExponent: z.tuple([count, count]),
      maxRefractory: positive.max(4096),
      /** Bits of the potential, sign included. */
      stateBits: positive.max(32),
      /** Whether messages carry payloads: the host can inject currents, and compartments can relay. Bits of a payload, sign included; 0: no. */
      gradedBits: count.max(32),
    }),
    /** Attention cores; undefined: the chip has none. */
    attention: z
      .strictObject({
        /** Cores of this kind, per chip; they take the last slots of the mesh. */
        cores: positive,
        inputAxons: positive,
        outputAxons: positive,
        /** Counters of one set, bits of each, and sets (1 or 2). */
        counters: positive,
        counterBits: positive.max(32),
        sets: z.union([z.literal(1), z.literal(2)]),
        /** Bits that hold the queries of the chunks under way. */
        queryBits: positive,
        /** Counters that are added to at once. */
        lanes: positive,
        mode: z.enum(["pipelined", "lockstep"]),
      })
      .optional(),
    time: z.strictObject({
      neuronAccess: ps,
      neuronUpdate: ps,
      spikeOut: ps,
      messageOut: ps,
      /** Service of the injection port of a core, and way from it to its router. */
      injection: ps,
      injectionHop: ps,
      /** Service of a link, and way over it. */
      link: ps,
      hopX: ps,
      hopY: ps,
      chipLink: ps,
      chipHop: ps,
      messageIn: ps,
      /** Per synaptic event, by name of the format. */
      synapse: z.record(z.string(), ps),
      /** Per host value put into a core. */
      hostInput: ps,
      /** Per group of `lanes` counters, in an attention core. */
      attention: ps,
      /** By tiles in use: the time of the largest number that is not above it. */
      barrier: z.record(z.string().regex(/^[1-9][0-9]*$/), ps),
    }),
    energy: z.strictObject({
      neuronAccess: pJ,
      neuronUpdate: pJ,
      spikeOut: pJ,
      messageOut: pJ,
      messageIn: pJ,
      withinTile: pJ,
      hopX: pJ,
      hopY: pJ,
      chipHop: pJ,
      synapse: z.record(z.string(), pJ),
      hostInput: pJ,
      attention: pJ,
      barrier: pJ,
      /** mW of one chip, whatever it does. */
      staticPerChip: pJ,
    }),
    /** Where each number comes from, by field; `assumed` where it is our choice. */
    sources: z.record(z.string(), z.string()),
  })
  .superRefine((chip, context) => {
    for (const { path, message } of contradictions(chip)) context.addIssue({ code: "custom", path, message });
  });

export type LoihiChip = z.infer<typeof loihiChipSchema>;
export type SynapseFormat = z.infer<typeof synapseFormat>;

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Numbers that are legal each, but not beside the others. */
function contradictions(chip: LoihiChip): readonly Contradiction[] {
  const { mesh, core, numerics, time, energy, synapseFormats: formats, attention } = chip;
  const found: Contradiction[] = [];
  const add = (path: (string | number)[], message: string): void => void found.push({ path, message });
  if (!("1" in time.barrier)) add(["time", "barrier"], "must have the key 1: the time of a barrier of one tile");
  const names = formats.map(({ name }) => name);
  for (const [what, prices] of [["time", time.synapse] as const, ["energy", energy.synapse] as const]) {
    for (const name of names.filter((each) => !(each in prices)))
      add([what, "synapse"], `lacks the format \`${name}\``);
    for (const name of Object.keys(prices).filter((each) => !names.includes(each))) {
      add([what, "synapse", name], "is no name of a synapse format");
    }
  }
  formats.forEach(({ name, shared, sharedBases }, i) => {
    if (names.indexOf(name) < i) add(["synapseFormats", i, "name"], `\`${name}\` is the name of another format`);
    if (!shared && sharedBases !== undefined) add(["synapseFormats", i, "sharedBases"], "is for shared lists");
  });
  for (const field of ["weightExponent", "biasExponent"] as const) {
    const [least, most] = numerics[field];
    if (least > most) add(["numerics", field], `begins at ${least}, above its end ${most}`);
  }
  if (numerics.thresholdMantissaBits + numerics.thresholdShift > 31) {
    add(["numerics", "thresholdShift"], "thresholds must fit 31 bits: mantissa bits and shift are more");
  }
  if (core.synapseBits % core.wordBits !== 0) add(["core", "synapseBits"], `must be words of ${core.wordBits} bits`);
  if (numerics.profile === "truenorth" && numerics.gradedBits > 0) {
    add(["numerics", "gradedBits"], "must be 0 with profile truenorth: an axon is a bit");
  }
  const all = mesh.tilesX * mesh.tilesY * mesh.coresPerTile;
  if (attention !== undefined && attention.cores >= all) {
    add(["attention", "cores"], `must leave neuro-cores: a chip has ${all} cores in all`);
  }
  return found;
}
