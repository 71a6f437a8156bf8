import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Report } from "../../src/diagnostics/index.js";
import { writeNpy } from "../../src/frontend/formats/index.js";
import { readNeuronCase, type NeuronCase } from "../../src/validate/neuron-case.js";
import { runNeuronLadder } from "../../src/validate/neuron-ladder.js";
import { replayNeurons } from "../../src/validate/neuron-replay.js";
import { spikec } from "../support/command-line.js";
import { randomNeuronCase, writeNeuronCase, type NeuronCaseFiles } from "../support/neuron-case.js";

/** Recorded integer neurons: what agrees passes, and one wrong number anywhere is found and named. */

let folder = "";
let next = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-neurons-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const written = (files: NeuronCaseFiles): string => writeNeuronCase(join(folder, String(next++)), files);

function read(path: string): NeuronCase {
  const report = new Report();
  const recorded = readNeuronCase(path, report);
  if (recorded === undefined) throw new Error(report.diagnostics.map((d) => d.message).join("\n"));
  expect(report.diagnostics).toEqual([]);
  return recorded;
}

const TOOLS = ["nengo", "lava", "brian2"] as const;
const SEEDS = Array.from({ length: 12 }, (_, i) => i + 1);

describe.each(TOOLS)("a case of %s", (tool) => {
  it.each(SEEDS)("that a plain simulation made passes every rung of the evaluator (seed %i)", (seed) => {
    const rungs = runNeuronLadder(read(written(randomNeuronCase(tool, seed))), []);
    expect(rungs.map(({ status, detail }) => [status, detail.includes("first difference")])).toEqual([
      ["passed", false],
      ["passed", false],
      ["passed", false],
    ]);
  });

  it("has spikes in both layers, or it would show nothing", () => {
    const cases = SEEDS.map((seed) => randomNeuronCase(tool, seed));
    for (const layer of [0, 1]) {
      const spikes = cases.map(({ s }) => s[layer]!.flat().reduce((a, b) => a + b, 0));
      expect(spikes.filter((n) => n > 0).length).toBeGreaterThan(SEEDS.length / 2);
    }
  });

  it("with one wrong number fails there", () => {
    const place = fc.record({
      seed: fc.constantFrom(...SEEDS),
      array: fc.constantFrom("u" as const, "v" as const, "s" as const),
      layer: fc.constantFrom(0, 1),
      at: fc.nat(),
      by: fc.constantFrom(-1, 1, 64),
      forced: fc.boolean(),
    });
    fc.assert(
      fc.property(place, ({ seed, array, layer, at, by, forced }) => {
        const files = randomNeuronCase(tool, seed);
        const { n_out: neurons } = files.config.layers[layer]!;
        const timestep = Math.floor(at / neurons) % files.config.T;
        const neuron = at % neurons;
        const row = files[array][layer]![timestep]!;
        const right = row[neuron]!;
        row[neuron] = array === "s" ? 1 - right : right + by;
        const recorded = read(written(files));
        const { first } = replayNeurons(recorded, recorded.net, { forced });
        expect(first).toMatchObject({ layer: `layer${layer}`, timestep, neuron });
        const name = array === "s" ? "spike" : array;
        expect([first?.recorded[name], first?.computed[name]]).toEqual([row[neuron], right]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("spikec validate", () => {
  it("prints one line per rung of a case of integer neurons", async () => {
    const files = randomNeuronCase("brian2", 3);
    const [first, second] = files.config.layers;
    const { code, out, err } = await spikec("validate", written(files));
    const spikes = files.s.flat(2).reduce((a, b) => a + b, 0);
    const what = `u, v, spikes of 2 layers x ${files.config.T} timesteps equal; ${spikes} spikes; layer inputs:`;
    expect([code, err]).toEqual([0, ""]);
    expect(out.split("\n").slice(1)).toEqual([
      `pass  recorded, teacher-forced: ${what} recorded`,
      `pass  recorded, free-running: ${what} computed`,
      expect.stringContaining("pass  chip loihi1 with profile brian2, event: "),
      expect.stringContaining("pass  chip loihi1 with profile brian2, stepped: "),
      "brian2-3: every rung passed",
    ]);
    expect(out).toContain(`${first!.n_in}-${first!.n_out}-${second!.n_out} neurons, ${files.config.T} timesteps`);
  });

  it("names the first difference with both sides, the input and the threshold, and exits with 1", async () => {
    const files = randomNeuronCase("nengo", 5);
    const [t, n] = [4, 1];
    const [u, v, s] = [files.u[0]![t]![n]!, files.v[0]![t]![n]!, files.s[0]![t]![n]!];
    files.v[0]![t]![n] = v + 5;
    const weights = files.weights[0]![n]!;
    const { weight_exp: exponent, vth_mant: vTh } = files.config.layers[0]!;
    const input = files.input[t - 1]!.reduce((sum, spike, i) => sum + spike * weights[i]!, 0) * 2 ** exponent * 64;
    const spike = s === 1 ? "spike" : "no spike";
    const before = `u = ${files.u[0]![t - 1]![n]}, v = ${files.v[0]![t - 1]![n]}`;
    const { code, out } = await spikec("validate", written(files));
    expect(code).toBe(1);
    expect(out).toContain(
      `first difference: layer0, timestep ${t}, neuron ${n}; recorded u = ${u}, v = ${v + 5}, ${spike}; ` +
        `computed u = ${u}, v = ${v}, ${spike}; both before ${before}, input ${input}, threshold ${vTh * 64}`,
    );
    expect(out).toContain("FAIL  recorded, free-running");
    expect(out.endsWith("nengo-5: 4 of 5 rungs failed")).toBe(true);
  });

  it("prints JSON", async () => {
    const { out } = await spikec("validate", written(randomNeuronCase("lava", 2)), "--json");
    expect(JSON.parse(out)).toMatchObject({ case: "lava-2", tool: "lava", passed: true, rungs: [{}, {}, {}, {}, {}] });
  });

  it("runs the case on the chips that it is given; what one cannot do is skipped with a reason", async () => {
    const path = written(randomNeuronCase("lava", 2));
    const chips = ["--chip", "loihi2", "--chip", "truenorth-grid"];
    const { code, out } = await spikec("validate", path, ...chips);
    expect(code).toBe(0);
    const [event, stepped, grid, verdict] = out.split("\n").slice(3);
    expect(event).toContain("pass  chip loihi2 with profile lava, event: ");
    expect(stepped).toContain("pass  chip loihi2 with profile lava, stepped: ");
    const why = "its cores are crossbars, the neurons follow profile lava";
    expect(grid).toBe(`skip  chip truenorth-grid, compiled: ${why}`);
    expect(verdict).toBe("lava-2: no rung failed, 1 skipped");
  });

  it("refuses options that mean nothing here", async () => {
    const path = written(randomNeuronCase("lava", 2));
    const { code, err } = await spikec("validate", path, "--no-tfjs", "--time-block", "2");
    expect(code).toBe(2);
    expect(err).toContain("--time-block and --no-tfjs mean nothing for a case of integer neurons");
  });
});

describe("a folder that contradicts itself", () => {
  type Files = ReturnType<typeof randomNeuronCase>;
  const error = async (change: (files: Files, path: string) => void, tool: (typeof TOOLS)[number] = "nengo") => {
    const files = randomNeuronCase(tool, 1);
    const path = written(files);
    change(files, path);
    writeFileSync(join(path, "config.json"), JSON.stringify(files.config));
    const { code, err } = await spikec("validate", path);
    expect(code).toBe(1);
    return err;
  };

  it.each([
    ["an unknown tool", (files: Files) => (files.config.tool = "nxsdk"), "frontend/neuron-network", "`tool`"],
    [
      "a file in another folder",
      (files: Files) => (files.config.layers[0]!.weights = "../w0.npy"),
      "frontend/neuron-network",
      "`layers.0.weights`: expected the name of a .npy file in the same folder",
    ],
    [
      "a missing array",
      (files: Files) => (files.config.layers[0]!.weights = "none.npy"),
      "frontend/cannot-read",
      "none.npy",
    ],
    [
      "layers that do not meet",
      (files: Files) => (files.config.layers[1]!.n_in = 99),
      "frontend/neuron-network",
      "layers.1 has 99 inputs, the layer before it",
    ],
    [
      "a bias of another size",
      (files: Files) => (files.config.layers[0]!.bias_mant = "w0.npy"),
      "frontend/neuron-network",
      "the array is [",
    ],
    [
      "delays that the tool does not have",
      (files: Files) => (files.config.layers[1]!.delay = 2),
      "frontend/neuron-network",
      "layers.1: a delay of 2 timesteps, but `nengo` has no synaptic delays",
    ],
    [
      "a decay that the register does not hold",
      (files: Files) => (files.config.layers[0]!.decay_u = 4096),
      "ir/attribute",
      "`decay_u` is 4096, profile `nengo` has at most 4095",
    ],
    [
      "a spelling mistake",
      (files: Files) => Object.assign(files.config.layers[0]!, { refactory: 2 }),
      "frontend/neuron-network",
      "refactory",
    ],
    ["an input of another length", (files: Files) => (files.config.T += 1), "validate/bad-case", "the input is ["],
  ])("is refused: %s", async (_what, change, code, message) => {
    const err = await error(change);
    expect(err).toContain(`error[${code}]`);
    expect(err).toContain(message);
  });

  it("is refused: mantissas that are no integers", async () => {
    const err = await error((files, path) => {
      const shape = [files.config.layers[0]!.n_out, files.config.layers[0]!.n_in];
      const data = new Float32Array(shape[0]! * shape[1]!);
      writeFileSync(join(path, "w0.npy"), writeNpy({ dtype: "f32", shape, data }));
    });
    expect(err).toContain("error[frontend/neuron-network]: the array has elements of type f32");
  });

  it("is refused: a refractory period in lava, a bias in brian2", async () => {
    const refractory = await error((files) => (files.config.layers[0]!.refractory = 3), "lava");
    expect(refractory).toContain("profile `lava` has no `refractory`");
    const bias = await error((files, path) => {
      const { n_out: n } = files.config.layers[0]!;
      writeFileSync(join(path, "bias0.npy"), writeNpy({ dtype: "i32", shape: [n], data: new Int32Array(n).fill(1) }));
    }, "brian2");
    expect(bias).toContain("profile `brian2` has no `bias`");
  });

  it("is refused: nothing recorded", async () => {
    const err = await error((_files, path) => rmSync(join(path, "expect.npz")));
    expect(err).toContain("error[validate/not-a-case]: no `expect.npz`");
  });
});
