import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoihiInput, LoihiProgram, NeuroCore } from "../../../src/backends/program/loihi/program.js";
import { Report } from "../../../src/diagnostics/index.js";
import {
  approximationsOf,
  exportSanaFe,
  type Approximation,
  type SanaFeFiles,
  type SanaFeOptions,
} from "../../../src/report/sana-fe/index.js";
import { restingPotential } from "../../../src/report/sana-fe/neuron.js";
import { createStepped } from "../../../src/sim/loihi/stepped/index.js";
import { chip, DENSE, group, neuroCore, packRoutes, program, routesOf, synapsesOf } from "../../sim/loihi/build.js";
import { randomLoihiCase } from "../../sim/loihi/random-programs.js";
import { randomSpikingCase } from "./random-programs.js";
import { fields, list, readNetwork, simulate } from "./sana-fe.js";
import { parseYaml } from "./yaml.js";

const text = (pieces: Iterable<string>): string => [...pieces].join("");

function exported(of: LoihiProgram, options: SanaFeOptions = {}): SanaFeFiles {
  const report = new Report();
  const files = exportSanaFe(of, options, report);
  expect(report.errors).toEqual([]);
  return files!;
}

/** Codes and messages with notes of a refused export. */
function refusal(of: LoihiProgram, options: SanaFeOptions = {}): readonly string[] {
  const report = new Report();
  expect(exportSanaFe(of, options, report)).toBeUndefined();
  return report.errors.map(({ code, message, notes }) => [code, message, ...notes.map((n) => n.message)].join("; "));
}

const seeds = (property: (seed: number) => void, runs = 100): void =>
  fc.assert(fc.property(fc.nat(), property), { numRuns: runs });

const neuroCores = ({ cores }: LoihiProgram): readonly NeuroCore[] => cores.filter((core) => core.kind === "neuro");

/** Population and neuron of each compartment. */
const compartments = ({ groups }: NeuroCore): readonly (readonly [population: number, neuron: number])[] =>
  groups.flatMap(({ population, neurons }) => Array.from(neurons, (neuron) => [population, neuron] as const));

/** Two neurons in two tiles: the host drives `a`, which drives `b` over a delay of 2. */
function pair(change: Parameters<typeof group>[3] = {}, host: Partial<LoihiInput> = {}): LoihiProgram {
  const description = chip({ mesh: { tilesX: 2, tilesY: 3, coresPerTile: 2 }, numerics: { gradedBits: 0 } });
  const input: LoihiInput = {
    name: "pixels",
    format: "spike",
    shape: [1],
    start: 0,
    routes: packRoutes([[{ core: 0, axon: 0 }]]),
    ...host,
  };
  return program({
    chip: description,
    timesteps: 3,
    populations: [
      [1, 0],
      [1, 2],
    ],
    cores: [
      neuroCore({
        tile: 3,
        slot: 1,
        groups: [group(0, 0, [0], { threshold: [64], decayV: 1024, vMin: -32, ...change })],
        axons: [[{ list: 0, base: 0 }]],
        lists: [{ format: 0, synapses: [{ target: 0, weight: 80, delay: 1 }] }],
        routes: [[{ core: 1, axon: 0 }]],
      }),
      neuroCore({
        tile: 4,
        slot: 0,
        groups: [group(1, 0, [0], { threshold: [128], bias: [16] })],
        axons: [[{ list: 0, base: 0 }]],
        lists: [{ format: 0, synapses: [{ target: 0, weight: -3, delay: 2 }] }],
        routes: [[]],
      }),
    ],
    inputs: [input],
  });
}

describe("the network file", () => {
  it("is the one that was written by hand for two neurons", () => {
    const inputs = new Map([["pixels", [1, 0, 1]]]);
    const lines = text(exported(pair(), { inputs }).network).split("\n");
    // Bias 16 / 64 acts in 3 steps before the local time of `b` begins. Tile 3 of 2 x 3 is (1, 1): number 1 * 3 + 1.
    expect(lines.filter((line) => !line.startsWith("#")).join("\n")).toBe(`network:
  name: net_test
  groups:
    - name: in0_t3_pixels
      attributes: {}
      neurons:
        - 0: {spikes: [1, 0, 1]}
    - name: p0_population0
      attributes: {log_spikes: true}
      neurons:
        - 0: {synapse_hw_name: s0_dense, soma: {threshold: 1, leak_decay: 0.75, reverse_threshold: -0.5, reverse_reset_mode: saturate}}
    - name: p1_population1
      attributes: {log_spikes: true}
      neurons:
        - 0: {synapse_hw_name: s0_dense, soma: {threshold: 2, leak_decay: 1, reverse_threshold: -131071.984375, reverse_reset_mode: saturate, bias: 0.25, potential: -0.75}}
  edges:
    - in0_t3_pixels.0 -> p0_population0.0: {weight: 1.25}
    - p0_population0.0 -> p1_population1.0: {weight: -0.046875, delay: 1}
mappings:
  - in0_t3_pixels.0: {core: "4.2", dendrite: "dendrite[0]", soma: "input[0]"}
  - p0_population0.0: {core: "4.1", dendrite: "dendrite[0]", soma: "neuron[0]"}
  - p1_population1.0: {core: "2.0", dendrite: "dendrite[0]", soma: "neuron[0]"}
`);
  });

  it("holds every neuron once, at its place", () => {
    seeds((seed) => {
      const { program: of } = randomSpikingCase(seed);
      const files = exported(of);
      const read = readNetwork(text(files.network));
      const { mesh } = of.chip;
      const [width, height] = [mesh.tilesX * mesh.chipsX, mesh.tilesY * mesh.chipsY];
      const expected = neuroCores(of).flatMap((core) =>
        compartments(core).map(([population, neuron]) => {
          const tile = (core.tile % width) * height + Math.floor(core.tile / width);
          return `${files.groups[population]}.${neuron} at ${tile}.${core.slot}`;
        }),
      );
      const found = [...read.neurons]
        .filter(([, { synapses }]) => synapses !== undefined)
        .map(([address, { core }]) => `${address} at ${core}`);
      expect(found.sort()).toEqual(expected.sort());
    });
  });

  it("holds every synapse once, with its weight and delay", () => {
    seeds((seed) => {
      const { program: of } = randomSpikingCase(seed);
      const files = exported(of);
      const { edges, neurons } = readNetwork(text(files.network));
      const cores = neuroCores(of);
      const reached = (routes: NeuroCore["routes"], sender: number, name: (tile: number) => string): string[] =>
        routesOf(routes, sender).flatMap(({ core, axon }) =>
          synapsesOf(cores[core]!, axon).map(({ target, weight, delay }) => {
            const [population, neuron] = compartments(cores[core]!)[target]!;
            const shift = cores[core]!.groups.find((g) => target < g.first + g.neurons.length)!.currentShift;
            // lava's weights are mantissas.
            const scaled = of.chip.numerics.profile === "lava" ? weight * 2 ** shift : weight / 64;
            return `${name(cores[core]!.tile)} ${files.groups[population]}.${neuron} ${scaled} ${delay - 1}`;
          }),
        );
      const expected = [
        ...of.inputs.flatMap(({ routes }, input) =>
          Array.from({ length: routes.start.length - 1 }, (_, i) =>
            reached(routes, i, (tile) => `in${input} tile ${tile}`),
          ),
        ),
        ...cores.flatMap((core) =>
          compartments(core).map(([population, neuron], i) =>
            reached(core.routes, i, () => `${files.groups[population]}.${neuron}`),
          ),
        ),
      ].flat();
      const found = edges
        .filter(({ source }) => !source.startsWith("bias"))
        .map(({ source, target, weight, delay }) => {
          const from =
            neurons.get(source)!.synapses === undefined ? source.replace(/^(in\d+)_t(\d+).*/, "$1 tile $2") : source;
          return `${from} ${target} ${weight} ${delay}`;
        });
      expect(found.sort()).toEqual(expected.sort());
    });
  });

  it("fires as the chip does, in each local time, as SANA-FE's documents are read", () => {
    let spikes = 0;
    let sources = 0;
    seeds((seed) => {
      const { program: of, inputs } = randomSpikingCase(seed);
      const files = exported(of, { inputs });
      const read = readNetwork(text(files.network));
      const fired = simulate(read, files.timesteps);
      const ours = createStepped(of).run(inputs);
      of.populations.forEach(({ neurons, start }, population) => {
        const mine = ours.outputs.get(`output${population}`)!;
        const theirs = Array.from(mine, (_, i) => {
          const address = `${files.groups[population]}.${i % neurons}`;
          return +fired[1 + start + Math.floor(i / neurons)]!.includes(address);
        });
        expect(theirs).toEqual([...mine]);
        spikes += mine.filter((spike) => spike === 1).length;
      });
      sources += read.edges.filter(({ source }) => source.startsWith("bias")).length;
    }, 300);
    expect(spikes).toBeGreaterThan(1000);
    expect(sources).toBeGreaterThan(10);
  });

  it("says that there are no edges", () => {
    const of = program({
      chip: chip({ numerics: { gradedBits: 0 } }),
      timesteps: 1,
      populations: [[1, 0]],
      cores: [neuroCore({ tile: 0, slot: 0, groups: [group(0, 0, [0])], axons: [], lists: [], routes: [[]] })],
    });
    expect(text(exported(of).network)).toContain("\n  edges: []\nmappings:\n");
  });

  it("gives units of 1024 neurons to large cores", () => {
    const members = Array.from({ length: 1025 }, (_, i) => i);
    const of = program({
      chip: { ...chip({ numerics: { gradedBits: 0 } }), core: { ...chip().core, compartments: 2048 } },
      timesteps: 1,
      populations: [[1025, 0]],
      cores: [
        neuroCore({
          tile: 0,
          slot: 0,
          groups: [group(0, 0, members)],
          axons: [],
          lists: [],
          routes: members.map(() => []),
        }),
      ],
    });
    const files = exported(of);
    const { neurons } = readNetwork(text(files.network));
    const units = [1023, 1024].map((i) => neurons.get(`p0_population0.${i}`)!);
    expect(units.map(({ somaUnit }) => somaUnit)).toEqual(["neuron[0]", "neuron[1]"]);
    expect(units.map(({ dendriteUnit }) => dendriteUnit)).toEqual(["dendrite[0]", "dendrite[1]"]);
    expect(text(files.architecture)).toContain("- name: neuron[0..1]\n");
  });

  it("keeps names apart, and comments on their lines", () => {
    const of = pair();
    const named = {
      ...of,
      name: "a\nnetwork: {}",
      populations: of.populations.map((p) => ({ ...p, name: "x.y[0..1]" })),
    };
    const files = exported(named);
    expect(files.groups).toEqual(["p0_x_y_0_1_", "p1_x_y_0_1_"]);
    expect(readNetwork(text(files.network)).neurons.size).toBe(3);
  });
});

describe("the architecture file", () => {
  it("has the tiles, cores and costs of the chip", () => {
    const of = pair();
    const { time, energy, mesh } = of.chip;
    const costs: LoihiProgram = {
      ...of,
      chip: {
        ...of.chip,
        mesh: { ...mesh, chipsX: 2 },
        time: {
          ...time,
          hopX: 4100,
          hopY: 6500,
          messageIn: 16_000,
          neuronAccess: 6000,
          barrier: { 4: 1_400_000, 1: 600_000 },
        },
        energy: { ...energy, hopY: 4.2, neuronAccess: 51.2, synapse: { dense: 35.5 } },
      },
    };
    const architecture = fields(fields(parseYaml(text(exported(costs).architecture)))["architecture"]);
    const attributes = fields(architecture["attributes"]);
    expect([attributes["width"], attributes["height"]]).toEqual([4, 3]);
    expect(attributes["latency_sync"]).toEqual({ 1: 600_000e-12, 4: 1_400_000e-12 });
    const tiles = list(architecture["tile"]).map(fields);
    // Tile 3 of a mesh of 4 x 3 is (3, 0), number 9; it alone has a core for the host.
    expect(tiles.map(({ name }) => name)).toEqual(["tile[0..8]", "tile[9..9]", "tile[10..11]"]);
    expect(tiles.map(({ core }) => list(core).map((c) => fields(c)["name"]))).toEqual([
      ["core[0..1]"],
      ["core[0..1]", "host[0..0]"],
      ["core[0..1]"],
    ]);
    const hops = fields(tiles[0]!["attributes"]);
    expect([hops["latency_east_hop"], hops["latency_north_hop"]]).toEqual([4100e-12, 6500e-12]);
    expect([hops["energy_west_hop"], hops["energy_south_hop"]]).toEqual([1e-12, 4.2e-12]);
    const core = fields(list(tiles[0]!["core"])[0]);
    const of1 = (section: string): ReturnType<typeof fields> => fields(fields(list(core[section])[0])["attributes"]);
    expect(of1("soma")["energy_access_neuron"]).toBe(51.2e-12);
    expect(of1("soma")["latency_access_neuron"]).toBe(6000e-12);
    expect(of1("synapse")["energy_process_spike"]).toBe(35.5e-12);
    expect(of1("axon_in")["latency_message_in"]).toBe(16_000e-12);
  });
});

describe("costs of synapses", () => {
  const formats = [DENSE, { ...DENSE, name: "sparse" }];
  const built = (delay: number): LoihiProgram =>
    program({
      chip: chip({ synapseFormats: formats, numerics: { gradedBits: 0 } }),
      timesteps: 1,
      populations: [[2, 0]],
      cores: [
        neuroCore({
          tile: 0,
          slot: 0,
          groups: [group(0, 0, [0, 1])],
          axons: [[0, 1, 2].map((listIndex) => ({ list: listIndex, base: 0 }))],
          lists: [
            { format: 0, synapses: [0, 1].map((target) => ({ target, weight: 1, delay: 1 })) },
            { format: 1, synapses: [{ target: 1, weight: 1, delay }] },
            { format: 1, synapses: [{ target: 1, weight: 1, delay: 1 }] },
          ],
          routes: [[{ core: 0, axon: 0 }], []],
        }),
      ],
    });
  const units = (of: LoihiProgram): unknown[] =>
    [...readNetwork(text(exported(of).network)).neurons.values()].map(({ synapses }) => synapses);

  it("are those of a neuron's most frequent format", () => {
    expect(units(built(1))).toEqual(["s0_dense", "s1_sparse"]);
    expect(exported(built(1)).notes.join()).toContain("1 of 4 synapses cost");
  });

  it("are those of a core's most frequent format where delays need one unit", () => {
    expect(units(built(2))).toEqual(["s0_dense", "s0_dense"]);
    expect(exported(built(2)).notes.join()).toContain("2 of 4 synapses cost");
  });
});

describe("what SANA-FE cannot express", () => {
  it("is refused by name in random programs of everything", () => {
    const seen = new Set<string>();
    seeds((seed) => {
      const { program: of } = randomLoihiCase(seed);
      const report = new Report();
      exportSanaFe(of, { allow: new Set() }, report);
      const has = {
        "sana-fe/attention-core": of.cores.some(({ kind }) => kind === "attention"),
        "sana-fe/relay": neuroCores(of).some(({ groups }) => groups.some(({ kind }) => kind === "relay")),
        "sana-fe/graded-input": of.inputs.some(({ format }) => format === "graded"),
      };
      const codes = report.errors.map(({ code }) => code);
      for (const [code, expected] of Object.entries(has)) {
        expect(codes.includes(code)).toBe(expected);
        if (expected) seen.add(code);
      }
    });
    expect(seen.size).toBe(3);
  });

  it("is an arithmetic of another kind", () => {
    const of = pair();
    const other = { ...of, chip: { ...of.chip, numerics: { ...of.chip.numerics, profile: "truenorth" as const } } };
    expect(refusal(other)).toEqual([expect.stringContaining("sana-fe/profile")]);
  });

  const delayed = (delay: number): LoihiProgram => {
    const of = pair();
    const [a, b] = neuroCores(of) as [NeuroCore, NeuroCore];
    return { ...of, cores: [a, { ...b, lists: { ...b.lists, delay: Uint8Array.of(delay) } }] };
  };

  it("is a delay above 6", () => {
    expect(text(exported(delayed(6)).network)).toContain("delay: 5}");
    expect(refusal(delayed(7))).toEqual([expect.stringContaining("such as 7 in core 0 of tile 4")]);
  });

  it("is an arrival before the local time begins", () => {
    exported(delayed(2));
    expect(refusal(delayed(1))).toEqual([expect.stringContaining("early-arrival: 1 synapses")]);
  });

  it.each<[string, Approximation, LoihiProgram, LoihiProgram]>([
    ["currents that stay", "current-decay", pair({ decayU: 4095 }), pair({ decayU: 4094 })],
    ["sums of 23 bits", "wrap", pair({ bias: [2 ** 23 - 81] }), pair({ bias: [2 ** 23 - 80] })],
    ["clips", "ceiling", pair({ vMax: 65 }), pair({ vMax: 64 })],
  ])("is %s, to the last number", (_, name, exact, inexact) => {
    exported(exact);
    expect(refusal(inexact)).toEqual([expect.stringContaining(`${name}: 1 neurons`)]);
  });

  it("is a sum that wraps at 21 bits, to the last number", () => {
    const summing = (weight: number): LoihiProgram => {
      const of = pair();
      const [a, b] = neuroCores(of) as [NeuroCore, NeuroCore];
      return { ...of, cores: [{ ...a, lists: { ...a.lists, weight: Int32Array.of(weight) } }, b] };
    };
    for (const weight of [2 ** 21 - 1, -(2 ** 21)]) exported(summing(weight));
    for (const weight of [2 ** 21, -(2 ** 21) - 1]) expect(refusal(summing(weight)).join()).toContain("wrap: 1");
  });

  it("is refractory only beside a current that decays", () => {
    exported(pair({ refractory: 3 }));
    expect(refusal(pair({ refractory: 3, decayU: 100 })).join()).toContain("refractory: 1");
  });

  it("is followed nearly where that is allowed, and warned of", () => {
    const report = new Report();
    const of = pair({ decayU: 100 });
    const files = exportSanaFe(of, { allow: approximationsOf(["current-decay"]) }, report);
    expect(report.diagnostics.map(({ code, severity }) => [code, severity])).toEqual([
      ["sana-fe/approximated", "warning"],
    ]);
    expect(text(files!.network)).toContain(`input_decay: ${(4095 - 100) / 4096}`);
    expect(() => approximationsOf(["current-decoy"])).toThrow("is no approximation");
  });

  it("is an input that is no spike, or of another length", () => {
    expect(refusal(pair(), { inputs: new Map() })).toEqual([
      expect.stringContaining("needs 3 timesteps of 1 spikes, got nothing"),
    ]);
    expect(refusal(pair(), { inputs: new Map([["pixels", [1, 0]]]) })).toEqual([expect.stringContaining("got 2")]);
    expect(refusal(pair(), { inputs: new Map([["pixels", [1, 0, 2]]]) })).toEqual([
      expect.stringContaining("has 2 at element 0, timestep 2"),
    ]);
  });
});

describe("a resting potential", () => {
  const resting = (
    bias: number,
    threshold: number,
    decayV: number,
    steps: number,
    vMin = -(2 ** 23) + 1,
  ): number | undefined =>
    restingPotential(group(0, 0, [0], { bias: [bias], threshold: [threshold], decayV, vMin }), 0, "loihi", steps);

  it("undoes the bias", () => {
    expect(resting(0, 0, 0, 5)).toBe(0);
    expect(resting(16, 64, 0, 3)).toBe(-48);
    expect(resting(-10, 64, 2048, 2)).toBe(30);
  });

  it("exists as long as the neuron does not fire before", () => {
    // Behind the first of 3 steps v is 2 * 32.
    expect(resting(-32, 64, 0, 3)).toBe(96);
    expect(resting(-32, 63, 0, 3)).toBeUndefined();
  });

  it("exists as long as no clip bites", () => {
    expect(resting(16, 64, 0, 3, -32)).toBe(-48);
    expect(resting(16, 64, 0, 3, -31)).toBeUndefined();
  });
});
