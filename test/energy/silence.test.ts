import { describe, expect, it } from "vitest";
import { readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { estimateEnergy, ownTable } from "../../src/energy/index.js";
import { energyTableSchema } from "../../src/energy/table.js";
import { NetBuilder, toWeights } from "../../src/ir/index.js";
import { createStepped } from "../../src/sim/layerwise/index.js";
import { createStepped as createSteppedLoihi } from "../../src/sim/loihi/stepped/index.js";
import { LoihiRunTotals, type LoihiRunFile } from "../../src/sim/loihi/run-file.js";
import { RunTotals, type RunFile } from "../../src/sim/run-file.js";
import { held, Random } from "../backends/layerwise/nets.js";
import { compiled } from "../backends/layerwise/support.js";
import { chip, group, neuroCore, packRoutes, program } from "../sim/loihi/build.js";

/** What a chip still pays when nobody fires. */

const STANDING = { source: "a test", boundary: "a test", status: "assumed" } as const;
const FIGURE = { joules: 1, ...STANDING };
const EVENTS = ["ac", "mac", "kv", "qa", "add", "compare", "bit", "update"] as const;
/** Everything costs something, so that nothing can hide. */
const EVERYTHING = energyTableSchema.parse({
  name: "everything",
  description: "",
  technology: "none",
  covers: ["arithmetic", "sram", "dram", "static"],
  events: Object.fromEntries(EVENTS.map((event) => [event, FIGURE])),
  sram: [{ bytes: 1, ...FIGURE }],
  dram: FIGURE,
  power: { watts: 1, covers: ["static"], ...STANDING },
});

const counts = (run: RunFile | LoihiRunFile, table = EVERYTHING): Readonly<Record<string, number>> => {
  const sums: Record<string, number> = {};
  for (const { what, count } of estimateEnergy(run, table).rows) sums[what] = (sums[what] ?? 0) + count;
  return sums;
};

/** A first layer on real values and an attention without biases, whose neurons all have one threshold. */
function attention(threshold: number): RunFile {
  const random = new Random(7);
  const builder = new NetBuilder("quiet");
  const x = builder.input("x", held(4, 3, 3, 2));
  const neurons = (from: string, kernel: number, inputs: number, name: string): string => {
    const shape = [kernel, kernel, inputs, 8];
    const weights = toWeights(shape, random.reals(kernel * kernel * inputs * 8));
    const symbols = [builder.constant(`w_${name}`, weights)];
    const current = builder.op("synapse.conv", [from], { symbols, attrs: { kernel, padding: (kernel - 1) / 2 } });
    return builder.op("neuron.lif", [current], { attrs: { v_th: threshold }, layer: name });
  };
  const stem = neurons(x, 3, 2, "stem");
  const [q, k, v] = ["q", "k", "v"].map((name) => neurons(stem, 1, 8, name));
  const attrs = { heads: 1, chunk: 2, scale: 0.25 };
  builder.output("out", builder.op("attention.statten", [q!, k!, v!], { attrs }));
  const small = readChip("layerwise-small", new Report(), "layerwise")!;
  const compiledNet = compiled(builder.finish(), small);
  const totals = new RunTotals(compiledNet);
  totals.add(createStepped(compiledNet).run(new Map([["x", random.reals(18, 2)]])), { name: "0" });
  return totals.finish();
}

describe("without a spike", () => {
  it("a layer-by-layer chip pays updates, scans, transfers, MACs on real inputs, and static power", () => {
    const [silent, loud] = [counts(attention(1e6)), counts(attention(0.05))];
    const memories = ["spike", "weight", "data"].flatMap((memory) => [`read ${memory}`, `write ${memory}`]);
    const always = ["mac", "update", "DRAM", "static power", ...memories];
    expect(Object.keys(silent).sort()).toEqual(always.sort());
    expect(Object.keys(loud).sort()).toEqual([...always, "ac", "kv", "qa"].sort());
    for (const what of ["mac", "update", "DRAM", "write data", "write weight"]) expect(loud[what]).toBe(silent[what]);
    expect(loud["read weight"]).toBeGreaterThan(silent["read weight"]!);
  });

  /** Two neurons, one with a bias, that send to a third; 5 steps. */
  function neurons(threshold: number): LoihiRunFile {
    const core = (
      tile: number,
      population: number,
      n: number,
      bias: number[],
      routes: { core: number; axon: number }[][],
    ) =>
      neuroCore({
        tile,
        slot: 0,
        groups: [
          group(
            population,
            0,
            Array.from({ length: n }, (_, i) => i),
            { threshold: bias.map(() => threshold), bias },
          ),
        ],
        axons: [[{ list: 0, base: 0 }]],
        lists: [{ format: 0, synapses: [{ target: 0, weight: 64, delay: 1 }] }],
        routes,
      });
    const built = program({
      chip: chip(),
      timesteps: 4,
      populations: [
        [2, 0],
        [1, 1],
      ],
      cores: [core(0, 0, 2, [100, 0], [[{ core: 1, axon: 0 }], []]), core(1, 1, 1, [0], [[]])],
      inputs: [{ name: "x", format: "graded", shape: [1], start: 0, routes: packRoutes([[{ core: 0, axon: 0 }]]) }],
    });
    const totals = new LoihiRunTotals(built, { ops: [], crossings: [] });
    totals.add(createSteppedLoihi(built).run(new Map([["x", [0, 0, 0, 0]]])), new Map(), { name: "0" });
    return totals.finish();
  }

  it("a step-by-step chip pays accesses, updates that a bias asks for, and barriers", () => {
    const of = (run: LoihiRunFile) => counts(run, ownTable(run));
    expect(of(neurons(1e6))).toEqual({ neuronAccess: 15, neuronUpdate: 4, barrier: 5 });
    const loud = of(neurons(50));
    expect(loud).toMatchObject({ neuronAccess: 15, spikeOut: expect.any(Number), messageOut: 4, hopX: 4, barrier: 5 });
    expect(loud["neuronUpdate"]).toBeGreaterThan(4);
  });
});
