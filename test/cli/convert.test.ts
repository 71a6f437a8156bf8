import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeProgram } from "../../src/backends/program/index.js";
import type { LoihiProgram } from "../../src/backends/program/loihi/program.js";
import { Report } from "../../src/diagnostics/index.js";
import { writeNpy } from "../../src/frontend/formats/index.js";
import { exportSanaFe } from "../../src/report/sana-fe/index.js";
import { chip, group, neuroCore, packRoutes, program } from "../sim/loihi/build.js";
import { spikec, type CommandResult } from "../support/command-line.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const convert = (file: string, ...args: string[]): Promise<CommandResult> =>
  spikec("convert", at(file), "--to", "sana-fe", ...args);

/** One neuron that two pixels drive. */
function built(decayU: number): LoihiProgram {
  return program({
    chip: chip({ numerics: { gradedBits: 0 } }),
    timesteps: 2,
    populations: [[1, 0]],
    cores: [
      neuroCore({
        tile: 0,
        slot: 0,
        groups: [group(0, 0, [0], { decayU })],
        axons: [[{ list: 0, base: 0 }]],
        lists: [{ format: 0, synapses: [{ target: 0, weight: 64, delay: 1 }] }],
        routes: [[]],
      }),
    ],
    inputs: [
      {
        name: "pixels",
        format: "spike",
        shape: [1, 2],
        start: 0,
        routes: packRoutes([[{ core: 0, axon: 0 }], [{ core: 0, axon: 0 }]]),
      },
    ],
  });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-convert-"));
  writeFileSync(at("exact.spk"), encodeProgram(built(4095)));
  writeFileSync(at("decaying.spk"), encodeProgram(built(100)));
  writeFileSync(at("spikes.npy"), writeNpy({ dtype: "u8", shape: [2, 1, 2], data: Uint8Array.of(1, 0, 0, 1) }));
  writeFileSync(at("flat.npy"), writeNpy({ dtype: "u8", shape: [4], data: Uint8Array.of(1, 0, 0, 1) }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("convert --to sana-fe", () => {
  it("writes both files, with the spikes that were given", async () => {
    const done = await convert("exact.spk", "-o", at("out"), "--input", at("spikes.npy"));
    expect(done).toMatchObject({ code: 0, err: "" });
    expect(done.out).toContain("3 timesteps");
    expect(readdirSync(at("out")).sort()).toEqual(["architecture.yaml", "network.yaml"]);
    const inputs = new Map([["pixels", [1, 0, 0, 1]]]);
    const files = exportSanaFe(built(4095), { inputs }, new Report())!;
    expect(readFileSync(at("out/network.yaml"), "utf8")).toBe([...files.network].join(""));
    expect(readFileSync(at("out/architecture.yaml"), "utf8")).toBe([...files.architecture].join(""));
    expect(readFileSync(at("out/network.yaml"), "utf8")).toContain("- 1: {spikes: [0, 1]}");
  });

  it("says that inputs are silent without any", async () => {
    mkdirSync(at("there"));
    const done = await convert("exact.spk", "-o", at("there"));
    expect(done.out).toContain("input neurons are silent");
    expect(readFileSync(at("there/network.yaml"), "utf8")).not.toContain("spikes: [");
  });

  it("writes what is only near when that is allowed, with a warning", async () => {
    const refused = await convert("decaying.spk", "-o", at("near"));
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("hint: allow it: --allow approximate:current-decay");
    expect(existsSync(at("near"))).toBe(false);
    const done = await convert("decaying.spk", "-o", at("near"), "--allow", "approximate:current-decay");
    expect(done.code).toBe(0);
    expect(done.err).toContain("warning[sana-fe/approximated]");
  });

  it.each([
    ["an unknown approximation", ["exact.spk", "-o", "o", "--allow", "approximate:all"], "sana-fe/not-approximated"],
    ["spikes of another shape", ["exact.spk", "-o", "o", "--input", "flat.npy"], "needs an array of 2x1x2, got 4"],
    ["a file for a folder", ["exact.spk", "-o", "flat.npy"], "cli/no-folder"],
    ["a folder in none", ["exact.spk", "-o", "no/o"], "cli/no-folder"],
    ["what is no program", ["spikes.npy", "-o", "o"], "program/not-a-program"],
  ])("refuses %s", async (_, [file, ...args], message) => {
    const paths = args.map((arg) => (/^-|:/.test(arg) ? arg : at(arg)));
    const done = await convert(file!, ...paths);
    expect(done.code).toBe(1);
    expect(done.err).toContain(message);
    expect(existsSync(at("o"))).toBe(false);
  });
});
