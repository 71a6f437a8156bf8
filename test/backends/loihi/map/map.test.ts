import { describe, expect, it } from "vitest";
import { checkMapping } from "../../../../src/backends/loihi/index.js";
import { writeEnvelope } from "../../../../src/backends/program/envelope.js";
import { checkStructure } from "../../../../src/backends/program/loihi/check.js";
import { encodeLoihi } from "../../../../src/backends/program/loihi/encode.js";
import type { AttentionCore, Core, LoihiProgram, NeuroCore } from "../../../../src/backends/program/loihi/program.js";
import { decodeProgram, encodeProgram } from "../../../../src/backends/program/index.js";
import { Report } from "../../../../src/diagnostics/index.js";
import { Random } from "../../layerwise/nets.js";
import { mapped, mappings } from "./support.js";

const MAPPED = mappings(60);

describe("mapping", () => {
  it("is that of the net, on random nets and chips", () => {
    expect(MAPPED.length).toBeGreaterThan(15);
    for (const { found, program } of MAPPED) expect(checkMapping(program, found)).toEqual([]);
    // What the cases are about.
    const cores = MAPPED.flatMap(({ program }) => program.cores);
    const neuro = cores.filter((core) => core.kind === "neuro");
    expect(cores.some((core) => core.kind === "attention")).toBe(true);
    expect(neuro.some(({ groups }) => new Set(groups.map(({ population }) => population)).size > 1)).toBe(true);
    expect(neuro.some(({ groups }) => groups.some(({ kind }) => kind === "relay"))).toBe(true);
    expect(neuro.some(({ axons }) => new Set(axons.list).size < axons.list.length)).toBe(true);
    expect(neuro.some(({ lists }) => lists.delay.some((delay) => delay > 1))).toBe(true);
    expect(MAPPED.some(({ program }) => new Set(program.cores.map(({ tile }) => tile)).size > 4)).toBe(true);
  });

  it("depends on nothing but net, chip and seed", () => {
    for (const { found, program, objective } of MAPPED.slice(0, 6)) {
      expect(mapped(found, program.chip, { objective })).toEqual(program);
      const other = mapped(found, program.chip, { objective, seed: 7 })!;
      expect(checkMapping(other, found)).toEqual([]);
      expect(other.cores.map((core) => ({ ...core, tile: 0, slot: 0 }))).toEqual(
        program.cores.map((core) => ({ ...core, tile: 0, slot: 0 })),
      );
    }
  });

  it("keeps populations apart where it is told to", () => {
    let more = 0;
    for (const { found, program } of MAPPED.filter(({ objective }) => objective === "cores").slice(0, 6)) {
      const apart = mapped(found, program.chip, { objective: "cores", pack: false });
      if (apart === undefined) continue;
      expect(checkMapping(apart, found)).toEqual([]);
      for (const core of apart.cores) if (core.kind === "neuro") expect(core.groups).toHaveLength(1);
      more += apart.cores.length - program.cores.length;
    }
    expect(more).toBeGreaterThan(0);
  });

  it("never places cores worse than in their order", () => {
    for (const { program } of MAPPED) {
      const [, text = ""] =
        /^messages x links of a sample, messages estimated: (.*)$/m.exec(program.notes.join("\n")) ?? [];
      const [inOrder, greedy, final] = [...text.matchAll(/[\d,]+(?= with| greedily| after)/g)].map(([n]) =>
        Number(n.replaceAll(",", "")),
      );
      expect(final).toBeLessThanOrEqual(Math.min(inOrder!, greedy!));
    }
  });
});

describe("program files", () => {
  it("give back every program", () => {
    for (const { program } of MAPPED) {
      const report = new Report();
      const bytes = encodeProgram(program);
      const decoded = decodeProgram(bytes, "test.spkc", report);
      expect(report.diagnostics.map(({ message }) => message)).toEqual([]);
      expect(decoded).toEqual(program);
    }
  });

  it("say which kind of chip they are for", () => {
    const report = new Report();
    expect(decodeProgram(encodeProgram(MAPPED[0]!.program), "test.spkc", report, "layerwise")).toBeUndefined();
    expect(report.diagnostics[0]?.code).toBe("program/wrong-target");
  });

  it("of broken programs are refused", () => {
    const { program } = MAPPED.find(({ program: { cores } }) => cores.length > 1)!;
    const [first, ...rest] = program.cores;
    const broken: readonly LoihiProgram[] = [
      { ...program, cores: [first!, { ...rest[0]!, tile: first!.tile, slot: first!.slot }, ...rest.slice(1)] },
      { ...program, cores: [first!] },
      { ...program, steps: program.timesteps - 1 },
      { ...program, outputs: [{ ...program.outputs[0]!, population: 1000 }] },
    ];
    for (const each of broken) {
      const report = new Report();
      expect(decodeProgram(encodeProgram(each), "test.spkc", report)).toBeUndefined();
      expect(report.diagnostics.map(({ code }) => code)).toEqual(["program/mapping"]);
    }
  });
});

describe("the bytes of a program file", () => {
  it("are refused or give a sound program, whatever changes under right checksums", () => {
    const { program } = MAPPED.find(({ program: { cores } }) => cores.some(({ kind }) => kind === "attention"))!;
    const sections = encodeLoihi(program);
    const random = new Random(5);
    let accepted = 0;
    const codes = new Set<string>();
    for (let i = 0; i < 1500; i++) {
      const which = i % 2;
      const section = sections[which]!.slice();
      for (let n = random.int(1, 3); n > 0; n--) section[random.int(0, section.length - 1)] = random.int(0, 255);
      const changed: [Uint8Array, Uint8Array] = which === 0 ? [section, sections[1]] : [sections[0], section];
      const report = new Report();
      const decoded = decodeProgram(Buffer.concat(writeEnvelope(changed)), "test.spkc", report);
      expect(decoded === undefined).toBe(report.failed);
      for (const { code } of report.diagnostics) codes.add(code);
      if (decoded?.target !== "loihi") continue;
      accepted++;
      expect(checkStructure(decoded)).toEqual([]);
    }
    expect(accepted).toBeGreaterThan(20);
    expect([...codes].filter((code) => !code.startsWith("program/"))).toEqual([]);
    expect([...codes]).toEqual(expect.arrayContaining(["program/corrupt", "program/mapping", "program/chip"]));
  });
});

/** A change of one number of one neuro-core; undefined where the core has nothing of the kind. */
type Mutation = (core: NeuroCore, random: Random, program: LoihiProgram) => NeuroCore | undefined;

const changed = <T extends Int32Array | Uint8Array>(array: T, at: number, by: number): T => {
  const copy = array.slice() as T;
  copy[at] = array[at]! + by;
  return copy;
};
const anywhere = (array: ArrayLike<number>, random: Random): number => random.int(0, array.length - 1);
const inGroup =
  (change: (group: NeuroCore["groups"][number], random: Random) => NeuroCore["groups"][number] | undefined): Mutation =>
  (core, random) => {
    const at = random.int(0, core.groups.length - 1);
    const group = change(core.groups[at]!, random);
    return group && { ...core, groups: core.groups.map((each, i) => (i === at ? group : each)) };
  };

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "a weight": (core, random) => {
    const { lists } = core;
    if (lists.weight.length === 0) return undefined;
    return {
      ...core,
      lists: { ...lists, weight: changed(lists.weight, anywhere(lists.weight, random), random.pick([-128, 64, 1])) },
    };
  },
  "a synapse that is gone": (core) => {
    const { lists } = core;
    const at = lists.weight.findIndex((w) => w !== 0);
    return at === -1
      ? undefined
      : { ...core, lists: { ...lists, weight: changed(lists.weight, at, -lists.weight[at]!) } };
  },
  "a target": (core) => {
    const { lists } = core;
    const at = lists.weight.findLastIndex((w) => w !== 0);
    return at === -1 ? undefined : { ...core, lists: { ...lists, target: changed(lists.target, at, 1) } };
  },
  "a delay": (core) => {
    const { lists } = core;
    const at = lists.weight.findIndex((w) => w !== 0);
    return at === -1 ? undefined : { ...core, lists: { ...lists, delay: changed(lists.delay, at, 1) } };
  },
  "a format whose lists cannot be shared": (core) => {
    const { lists, axons } = core;
    const at = lists.format.findIndex(
      (format, i) => format !== 1 && axons.list.filter((list) => list === i).length > 1,
    );
    return at === -1
      ? undefined
      : { ...core, lists: { ...lists, format: changed(lists.format, at, 1 - lists.format[at]!) } };
  },
  "a base": (core, random) => {
    const { axons } = core;
    if (axons.base.length === 0) return undefined;
    const at = anywhere(axons.base, random);
    return { ...core, axons: { ...axons, base: changed(axons.base, at, axons.base[at]! > 0 ? -1 : 1) } };
  },
  "the list of an axon": (core, random) => {
    const { axons, lists } = core;
    if (lists.start.length < 3) return undefined;
    const at = anywhere(axons.list, random);
    return { ...core, axons: { ...axons, list: changed(axons.list, at, axons.list[at]! > 0 ? -1 : 1) } };
  },
  "the core of a route": (core, random, program) => {
    const { routes } = core;
    if (routes.core.length === 0 || program.cores.length < 2) return undefined;
    const at = anywhere(routes.core, random);
    return { ...core, routes: { ...routes, core: changed(routes.core, at, routes.core[at]! > 0 ? -1 : 1) } };
  },
  "the axon of a route": (core, random, program) => {
    const { routes } = core;
    if (routes.core.length === 0) return undefined;
    const at = anywhere(routes.core, random);
    const target = program.cores[routes.core[at]!]!;
    if (target.kind === "neuro" && target.axons.start.length < 3) return undefined;
    return { ...core, routes: { ...routes, axon: changed(routes.axon, at, routes.axon[at]! > 0 ? -1 : 1) } };
  },
  "a route that is gone": (core) => {
    const { start, core: to, axon } = core.routes;
    if (to.length === 0) return undefined;
    const shorter = start.map((at) => Math.min(at, to.length - 1));
    return { ...core, routes: { start: shorter, core: to.slice(0, -1), axon: axon.slice(0, -1) } };
  },
  "a message twice": (core) => {
    const { start, core: to, axon } = core.routes;
    if (to.length === 0) return undefined;
    const last = start.findIndex((at) => at === to.length);
    const longer = start.map((at, i) => (i >= last ? at + 1 : at));
    return {
      ...core,
      routes: { start: longer, core: Int32Array.of(...to, to.at(-1)!), axon: Int32Array.of(...axon, axon.at(-1)!) },
    };
  },
  "a threshold": inGroup((group, random) =>
    group.kind === "relay"
      ? undefined
      : { ...group, threshold: changed(group.threshold, anywhere(group.threshold, random), 64) },
  ),
  "a bias": inGroup((group, random) =>
    group.kind === "relay" ? undefined : { ...group, bias: changed(group.bias, anywhere(group.bias, random), 1) },
  ),
  "a decay": inGroup((group) =>
    group.kind === "relay" ? undefined : { ...group, decayV: group.decayV === 0 ? 1 : group.decayV - 1 },
  ),
  "a decay of the current": inGroup((group) =>
    group.kind === "relay" ? undefined : { ...group, decayU: group.decayU === 0 ? 1 : group.decayU - 1 },
  ),
  "a refractory period": inGroup((group) =>
    group.kind === "relay" ? undefined : { ...group, refractory: group.refractory + 1 },
  ),
  "a lower limit": inGroup((group) => (group.kind === "relay" ? undefined : { ...group, vMin: group.vMin + 1 })),
  "an upper limit": inGroup((group) => (group.kind === "relay" ? undefined : { ...group, vMax: group.vMax - 1 })),
  "a shift": inGroup((group) =>
    group.kind === "relay" ? undefined : { ...group, currentShift: group.currentShift + 1 },
  ),
  "the kind of a group": inGroup((group) => ({ ...group, kind: group.kind === "relay" ? "neuron" : "relay" })),
  "a neuron": inGroup((group, random) => ({
    ...group,
    neurons: changed(group.neurons, anywhere(group.neurons, random), 1),
  })),
  "the population of a group": inGroup((group) => ({
    ...group,
    population: group.population === 0 ? 1 : group.population - 1,
  })),
  "the first compartment of a group": inGroup((group) => ({ ...group, first: group.first + 1 })),
};

describe("the verifier", () => {
  it.each(Object.keys(MUTATIONS))("finds %s", (name) => {
    let tried = 0;
    for (const { seed, found, program } of MAPPED) {
      const random = new Random(seed);
      const cores = program.cores.flatMap((core, i) => (core.kind === "neuro" ? [{ core, i }] : []));
      const { core, i } = cores[random.int(0, cores.length - 1)]!;
      const mutant = MUTATIONS[name]!(core, random, program);
      if (mutant === undefined) continue;
      tried++;
      const faults = checkMapping(
        { ...program, cores: program.cores.map((each, k) => (k === i ? mutant : each)) },
        found,
      );
      expect([seed, faults.length > 0]).toEqual([seed, true]);
      if (tried === 8) break;
    }
    expect(tried).toBeGreaterThan(2);
  });

  const everywhere: Readonly<Record<string, (program: LoihiProgram) => LoihiProgram>> = {
    "two cores at one place": (program) => ({
      ...program,
      cores: program.cores.map((core): Core => ({
        ...core,
        tile: program.cores[0]!.tile,
        slot: program.cores[0]!.slot,
      })),
    }),
    "a core off the mesh": (program) => ({
      ...program,
      cores: program.cores.map((core, i): Core => (i === 0 ? { ...core, tile: 1000 } : core)),
    }),
    "a start": (program) => ({
      ...program,
      populations: program.populations.map((each, i) => (i === 0 ? { ...each, start: each.start + 1 } : each)),
    }),
    "the start of an input": (program) => ({
      ...program,
      inputs: program.inputs.map((each) => ({ ...each, start: each.start + 1 })),
    }),
    "the length of a run": (program) => ({ ...program, steps: program.steps + 1 }),
    "the timesteps": (program) => ({ ...program, timesteps: program.timesteps - 1 }),
    "an output of another population": (program) => ({
      ...program,
      outputs: program.outputs.map((output) => ({ ...output, population: output.population === 0 ? 1 : 0 })),
    }),
    "a core that is gone": (program) => ({ ...program, cores: program.cores.slice(1) }),
  };

  it.each(Object.keys(everywhere))("finds %s", (name) => {
    let tried = 0;
    for (const { found, program } of MAPPED.filter(
      ({ program: { cores, populations } }) => cores.length > 1 && populations.length > 1,
    ).slice(0, 8)) {
      tried++;
      expect(checkMapping(everywhere[name]!(program), found).length).toBeGreaterThan(0);
    }
    expect(tried).toBeGreaterThan(2);
  });

  const attention: Readonly<Record<string, (core: AttentionCore) => AttentionCore>> = {
    chunk: (core) => ({ ...core, chunk: core.chunk === 1 ? 2 : 1 }),
    "first channel": (core) => ({ ...core, firstChannel: core.firstChannel === 0 ? core.headDim : 0 }),
    "shape of heads": (core) => ({ ...core, heads: core.heads * core.headDim, headDim: 1 }),
    slot: (core) => ({ ...core, tile: 0, slot: 0 }),
  };

  it.each(Object.keys(attention))("finds another %s of an attention core", (name) => {
    let tried = 0;
    for (const { found, program } of MAPPED) {
      const at = program.cores.findIndex(({ kind }) => kind === "attention");
      const core = program.cores[at];
      if (core?.kind !== "attention" || core.headDim === 1) continue;
      tried++;
      const mutant = attention[name]!(core);
      const faults = checkMapping(
        { ...program, cores: program.cores.map((each, i) => (i === at ? mutant : each)) },
        found,
      );
      expect(faults.length).toBeGreaterThan(0);
    }
    expect(tried).toBeGreaterThan(0);
  });

  it("finds every limit that a core exceeds", () => {
    const limits = [
      "compartments",
      "inputAxons",
      "outputAxons",
      "synapseBits",
      "compartmentConfigs",
      "thresholdConfigs",
      "synapseFormats",
    ] as const;
    for (const limit of limits) {
      let found = 0;
      for (const { found: own, program } of MAPPED.slice(0, 12)) {
        const { chip } = program;
        // No limit of a core is 0, but what a core uses of something can be.
        const faults = checkMapping({ ...program, chip: { ...chip, core: { ...chip.core, [limit]: 0 } } }, own);
        if (faults.length > 0) found++;
        expect(faults.every((fault) => / \d+ .*, it has 0$/.test(fault))).toBe(true);
      }
      expect([limit, found > 2]).toEqual([limit, true]);
    }
  });
});
