import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Group, LoihiProgram } from "../../src/backends/program/loihi/program.js";
import { readChip, type LoihiChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { buildNeuronNet, type NeuronLayer } from "../../src/frontend/loihi/index.js";
import { readNeuronCase, type NeuronCase } from "../../src/validate/neuron-case.js";
import { deployCase, neuronChipRungs, programRungs } from "../../src/validate/neuron-chip.js";
import { replayNeurons } from "../../src/validate/neuron-replay.js";
import { differenceText } from "../../src/validate/neuron-states.js";
import { randomNeuronCase, writeNeuronCase } from "../support/neuron-case.js";

/** Recorded integer neurons on step-by-step chips: the states of the plain simulation that made the case, or where they part from it. */

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-neuron-chip-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const TOOLS = ["nengo", "lava", "brian2"] as const;
type Tool = (typeof TOOLS)[number];
const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

/** `as`: the tool that the case is said to be of, where it computes the same. */
function caseOf(tool: Tool, seed: number, as: string = tool): NeuronCase {
  const report = new Report();
  const files = randomNeuronCase(tool, seed);
  files.config.tool = as;
  const path = writeNeuronCase(join(folder, `${as}-${seed}`), files);
  const recorded = readNeuronCase(path, report);
  if (recorded === undefined) throw new Error(report.diagnostics.map((d) => d.message).join("\n"));
  return recorded;
}

/** Chips whose times `stepped` can go through one by one; on the last two layers are cut, on the last delays are chains of neurons. */
const TEACHING = readChip("loihi-teaching", new Report(), "loihi")!;
const SMALL: LoihiChip = { ...TEACHING, core: { ...TEACHING.core, compartments: 2 } };
const HASTY: LoihiChip = { ...SMALL, numerics: { ...SMALL.numerics, maxDelay: 1 } };

function programOf(chip: LoihiChip, recorded: NeuronCase): LoihiProgram {
  const deployed = deployCase(chip, recorded);
  if (!("program" in deployed)) throw new Error(deployed.reason);
  return deployed.program;
}

describe.each(TOOLS)("a case of %s on chips", (tool) => {
  it.each(SEEDS)("has every u, v and spike of the plain simulation (seed %i)", (seed) => {
    const recorded = caseOf(tool, seed);
    for (const chip of [TEACHING, SMALL, HASTY]) {
      const rungs = neuronChipRungs(chip, recorded);
      expect(rungs.map(({ name, status, layers, detail }) => [name, status, layers.length, detail])).toEqual(
        ["event", "stepped"].map((simulator) => [
          `chip loihi-teaching with profile ${tool}, ${simulator}`,
          "passed",
          2,
          expect.stringContaining(`u, v, spikes of 2 layers x ${recorded.network.timesteps} timesteps equal`),
        ]),
      );
    }
  });

  it("is cut, and delayed by chains, where the chip is that small", () => {
    const programs = SEEDS.map((seed) => programOf(HASTY, caseOf(tool, seed)));
    expect(programs.filter(({ cores }) => cores.length > 2).length).toBeGreaterThan(SEEDS.length / 2);
    expect(programs.some(({ populations }) => populations.length > 2)).toBe(tool === "brian2");
  });
});

it("a case of the chip's own profile runs on the chip as it is", () => {
  const rungs = neuronChipRungs(TEACHING, caseOf("nengo", 1, "loihi"));
  expect(rungs.map(({ name, status }) => [name, status])).toEqual([
    ["chip loihi-teaching, event", "passed"],
    ["chip loihi-teaching, stepped", "passed"],
  ]);
});

/** Networks with another number somewhere, which a chip computes as it is told to. */
const EDITS: Readonly<Record<string, (layer: NeuronLayer, tool: Tool) => Partial<NeuronLayer> | undefined>> = {
  "decay of u": ({ decayU }) => ({ decayU: decayU - 1 }),
  "decay of v": ({ decayV }) => ({ decayV: decayV + 1 }),
  threshold: () => ({ vTh: 0 }),
  weights: ({ weights }) => ({ weights: weights.map((w) => -w) }),
  bias: ({ bias }, tool) => (tool === "brian2" ? undefined : { bias: bias.map((b) => b + 1) }),
  refractory: ({ refractory }, tool) => (tool === "lava" ? undefined : { refractory: refractory + 1 }),
  delay: ({ delay }) => ({ delay: delay + 1 }),
  "shift of the sum": ({ currentShift }, tool) => (tool === "lava" ? { currentShift: currentShift - 1 } : undefined),
};

describe.each(TOOLS)("a case of %s with another number in its network", (tool) => {
  it.each(Object.keys(EDITS))("parts from the recording on the chip where it does in the evaluator: %s", (edit) => {
    let parted = 0;
    let meant = 0;
    for (const seed of SEEDS) {
      const recorded = caseOf(tool, seed);
      const { network } = recorded;
      const changes = network.layers.map((layer) => EDITS[edit]!(layer, tool));
      if (changes.includes(undefined)) continue;
      meant++;
      const layers = network.layers.map((layer, i) => ({ ...layer, ...changes[i] }));
      const net = buildNeuronNet({ ...network, layers });
      const { first } = replayNeurons(recorded, net, { forced: false });
      for (const { status, detail } of neuronChipRungs(SMALL, { ...recorded, net })) {
        expect(status).toBe(first === undefined ? "passed" : "failed");
        if (first === undefined) continue;
        const { input: _, ...withoutInput } = first;
        expect(detail).toContain(differenceText(withoutInput));
      }
      if (first !== undefined) parted++;
    }
    expect(parted).toBeGreaterThanOrEqual(meant / 2);
  });
});

type Change = (program: LoihiProgram) => LoihiProgram;

const inGroups =
  (change: (group: Group) => Partial<Group>): Change =>
  (program) => ({
    ...program,
    cores: program.cores.map((core) => {
      if (core.kind !== "neuro") return core;
      return { ...core, groups: core.groups.map((group) => ({ ...group, ...change(group) })) };
    }),
  });

/** Numbers on the chip that the mapper got wrong, all of one kind. */
const MUTATIONS: Readonly<Record<string, { readonly tools?: readonly Tool[]; readonly change: Change }>> = {
  thresholds: { change: inGroups(({ threshold }) => ({ threshold: threshold.map(() => 0) })) },
  biases: { tools: ["nengo", "lava"], change: inGroups(({ bias }) => ({ bias: bias.map((b) => b + 1) })) },
  "decays of u": { change: inGroups(({ decayU }) => ({ decayU: decayU - 1 })) },
  "decays of v": { change: inGroups(({ decayV }) => ({ decayV: decayV + 1 })) },
  shifts: { tools: ["lava"], change: inGroups(({ currentShift }) => ({ currentShift: currentShift + 1 })) },
  "refractory periods": {
    tools: ["nengo", "brian2"],
    change: inGroups(({ refractory }) => ({ refractory: refractory + 1 })),
  },
  weights: {
    change: (program) => ({
      ...program,
      cores: program.cores.map((core) => {
        if (core.kind !== "neuro") return core;
        return { ...core, lists: { ...core.lists, weight: core.lists.weight.map((w) => -w) } };
      }),
    }),
  },
  "starts of populations": {
    change: (program) => ({
      ...program,
      steps: program.steps + 1,
      populations: program.populations.map((population) => ({ ...population, start: population.start + 1 })),
    }),
  },
};

describe.each(Object.entries(MUTATIONS))("other %s on the chip", (_name, { tools = TOOLS, change }) => {
  it.each(tools)("fail both rungs of cases of %s", (tool) => {
    const failed = SEEDS.filter((seed) => {
      const recorded = caseOf(tool, seed);
      const statuses = programRungs(change(programOf(TEACHING, recorded)), recorded).map(({ status }) => status);
      expect(new Set(statuses).size).toBe(1);
      return statuses[0] === "failed";
    });
    expect(failed.length).toBeGreaterThan(SEEDS.length / 2);
  });
});

describe("a chip that cannot hold a case", () => {
  it("is a skipped rung with the reason", () => {
    const recorded = caseOf("nengo", 1);
    const { refractory } = recorded.network.layers[0]!;
    const [layers, most] = [recorded.network.layers.map((layer) => ({ ...layer, refractory: 9 })), 8];
    expect(refractory).toBeLessThan(most);
    const net = buildNeuronNet({ ...recorded.network, layers });
    const narrow: LoihiChip = { ...TEACHING, numerics: { ...TEACHING.numerics, maxRefractory: most } };
    expect(neuronChipRungs(narrow, { ...recorded, net })).toEqual([
      {
        name: "chip loihi-teaching with profile nengo, compiled",
        status: "skipped",
        detail: "`layer0`: refractory = 9, at most 8; use a shorter one",
        layers: [],
      },
    ]);
  });
});
