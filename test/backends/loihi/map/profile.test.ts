import { describe, expect, it } from "vitest";
import { deploy, type MeasuredRun } from "../../../../src/backends/loihi/index.js";
import type { LoihiProgram } from "../../../../src/backends/program/loihi/program.js";
import { readChip, type LoihiChip } from "../../../../src/chips/index.js";
import { Report } from "../../../../src/diagnostics/index.js";
import { Host } from "../../../../src/host/index.js";
import type { Net } from "../../../../src/ir/index.js";
import { sum } from "../../../../src/math/numbers.js";
import { LOIHI_SIMULATORS, type LoihiRunResult } from "../../../../src/sim/loihi/index.js";
import { net } from "../support.js";
import { writeHost } from "./support.js";

const teaching = readChip("loihi-teaching", new Report(), "loihi")!;
const SOURCES = 7;
const [NEURONS, TIMESTEPS] = [4, 3];

/** A line of routers with a core each, whose cores hold one population of the nets below. */
const line: LoihiChip = {
  ...teaching,
  mesh: { ...teaching.mesh, tilesX: SOURCES + 1, tilesY: 1, coresPerTile: 1, chipsX: 1, chipsY: 1 },
  core: { ...teaching.core, compartments: NEURONS },
};

/** One population hears several others, of which one fires and the others do not. */
function oneLoud(loud: number): Net {
  const spikes = `spike<${TIMESTEPS}t, ${NEURONS}>`;
  const current = (bound: number): string => `int<${TIMESTEPS}t, ${NEURONS}, 0..${bound}>`;
  const neuron = "{decay_u = 4095, decay_v = 4095, v_th";
  const each = Array.from({ length: SOURCES }, (_, i) => i);
  const sources = each.map(
    (i) => `  %y${i} = synapse.one-to-one %x {weight = 64} : ${current(64)}
  %s${i} = neuron.loihi %y${i} ${neuron} = ${i === loud ? 0 : 2}} : ${spikes}  layer("s${i}")
  %c${i} = synapse.one-to-one %s${i} {weight = 64} : ${current(64)}`,
  );
  const sums = each
    .slice(1)
    .map((i) => `  %t${i} = stream.add ${i === 1 ? "%c0" : `%t${i - 1}`}, %c${i} : ${current(64 * (i + 1))}`);
  return net(`net @n(%x: ${spikes}) -> ${spikes} {
${[...sources, ...sums].join("\n")}
  %r = neuron.loihi %t${SOURCES - 1} ${neuron} = 0} : ${spikes}  layer("reader")
  return %r
}`);
}

function compiled(of: Net, profile?: MeasuredRun): LoihiProgram {
  const report = new Report();
  const deployed = deploy(of, line, { writeHost, ...(profile === undefined ? {} : { profile }) }, report);
  expect(report.diagnostics.map(({ message }) => message)).toEqual([]);
  return deployed!.program;
}

/** The run of a program on an input of spikes everywhere. */
function run(program: LoihiProgram): LoihiRunResult {
  const given = new Host(program).before(new Map([["x", new Uint8Array(TIMESTEPS * NEURONS).fill(1)]]), new Map());
  return LOIHI_SIMULATORS.event(program).run(given, { record: true });
}

const measured = (program: LoihiProgram, { layers }: LoihiRunResult): MeasuredRun => ({
  name: "run.json",
  program: program.name,
  timesteps: TIMESTEPS,
  samples: 1,
  layers: layers.map(({ events }, i) => ({ ...program.layers[i]!, spikes: sum(events.spike) })),
  recorded: new Map(),
});

const linksPassed = ({ layers }: LoihiRunResult): number =>
  sum(layers.map(({ events }) => sum(events.hopX) + sum(events.hopY) + sum(events.chipHop)));

describe("a profile", () => {
  it("places cores by the messages that are sent, where an estimate sees none that are more", () => {
    let shorter = 0;
    for (let loud = 0; loud < SOURCES; loud++) {
      const estimated = compiled(oneLoud(loud));
      const before = run(estimated);
      const placed = compiled(oneLoud(loud), measured(estimated, before));
      const after = run(placed);
      expect(after.outputs).toEqual(before.outputs);
      expect(after.spikes).toEqual(before.spikes);
      expect(sum(before.layers.map(({ events }) => sum(events.message)))).toBe(TIMESTEPS * NEURONS);
      // Next to each other: one link per message.
      expect(linksPassed(after)).toBe(TIMESTEPS * NEURONS);
      if (linksPassed(before) > linksPassed(after)) shorter++;
      expect(estimated.notes.join("\n")).toContain("messages estimated");
      expect(placed.notes.join("\n")).toContain("messages measured in run.json, 1 sample");
    }
    expect(shorter).toBeGreaterThan(2);
  });

  const program = compiled(oneLoud(0));
  const right = measured(program, run(program));
  const firstLayer = (changes: object): MeasuredRun["layers"] =>
    right.layers.map((layer, i) => (i === 0 ? { ...layer, ...changes } : layer));

  it.each<[what: string, wrong: Partial<MeasuredRun>, says: string]>([
    ["another network", { program: "other" }, "it ran @other, this is @n"],
    ["other timesteps", { timesteps: 4 }, "it has 4 timesteps, the network 3"],
    [
      "another layer",
      { layers: firstLayer({ name: "z" }) },
      "population 0 is `s0` (neuron.loihi), the run has `z` (neuron.loihi)",
    ],
    [
      "a layer of another kind",
      { layers: firstLayer({ kind: "stream.relay" }) },
      "population 0 is `s0` (neuron.loihi), the run has `s0` (stream.relay)",
    ],
    [
      "fewer layers",
      { layers: right.layers.slice(0, 7) },
      "population 7 is `reader` (neuron.loihi), the run has only 7 populations",
    ],
    ["more layers", { layers: [...right.layers, right.layers[0]!] }, "it has 9 populations, the network 8"],
    [
      "more spikes than there can be",
      { layers: firstLayer({ spikes: 13 }) },
      "`s0` has 4 neurons, which cannot send 13 times in 3 timesteps",
    ],
    ["layers of another size", { recorded: new Map([["s0", [1, 2, 3]]]) }, "`s0` has 4 neurons, in the run 3"],
  ])("of %s is refused", (_what, wrong, says) => {
    const report = new Report();
    expect(deploy(oneLoud(0), line, { writeHost, profile: { ...right, ...wrong } }, report)).toBeUndefined();
    expect(report.diagnostics.map(({ code, message }) => [code, message])).toEqual([
      ["loihi/profile", `\`run.json\` is no run of this network: ${says}`],
    ]);
    expect(report.diagnostics[0]!.hint).toContain("--profile");
  });

  it("counts by neuron what was recorded", () => {
    // Layers that fire, in which recordings have no spike.
    const placed = (recorded: MeasuredRun["recorded"]): string => {
      const layers = right.layers.map((layer) => ({ ...layer, spikes: 6 }));
      const profile = { ...right, layers, recorded };
      return deploy(oneLoud(0), line, { writeHost, profile }, new Report())!.program.notes.join("\n");
    };
    const silent = new Map(right.layers.map(({ name }) => [name, [0, 0, 0, 0]]));
    expect(placed(silent)).toContain(": 0 with cores in order, 0 greedily, 0 after the search");
    expect(placed(new Map())).not.toContain(": 0 with cores in order");
  });
});
