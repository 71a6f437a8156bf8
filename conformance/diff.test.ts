import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { spikec } from "../test/support/command-line.js";
import { needShared } from "./support/shared.js";

/** `spikec diff` between a run of the chip and the spikes that the official code emitted. */
describe("diff with a recorded case", () => {
  it.for([
    ["statten-tiny", "statten"],
    ["statten-dvs", "statten"],
    ["sdt-cifar", "sdt"],
  ] as const)("%s: no spike differs", async ([name, arch], context) => {
    const recorded = join(needShared(context), "golden", name);
    const folder = mkdtempSync(join(tmpdir(), "spikec-diff-"));
    const at = (file: string): string => join(folder, file);
    const compiled = await spikec("compile", join(recorded, "model.pth"), "--arch", arch, "-o", at("net.spk"));
    expect(compiled).toMatchObject({ code: 0 });
    const input = join(recorded, "input.npy");
    expect(await spikec("simulate", at("net.spk"), "--input", input, "--record", "-o", at("run.json"))).toMatchObject({
      code: 0,
    });
    const same = await spikec("diff", recorded, at("run.json"), "--json");
    expect(same).toMatchObject({ code: 0, err: "" });
    const { layers, apart } = JSON.parse(same.out) as { layers: { differ: number }[]; apart: unknown[] };
    expect(apart).toEqual([]);
    expect(layers.length).toBeGreaterThan(5);
    expect(layers.every(({ differ }) => differ === 0)).toBe(true);
    rmSync(folder, { recursive: true });
  });

  it("statten-tiny, rounded for a step-by-step chip: what differs has a core and a compartment", async (context) => {
    const recorded = join(needShared(context), "golden", "statten-tiny");
    const folder = mkdtempSync(join(tmpdir(), "spikec-diff-"));
    const at = (file: string): string => join(folder, file);
    const input = join(recorded, "input.npy");
    const model = [join(recorded, "model.pth"), "--arch", "statten", "--chip", "loihi1+attention"];
    const compiled = await spikec("compile", ...model, "--calibrate", input, "-o", at("net.spk"));
    expect(compiled).toMatchObject({ code: 0 });
    await spikec("simulate", at("net.spk"), "--input", input, "--limit", "4", "--record", "-o", at("run.json"));
    const done = JSON.parse((await spikec("diff", recorded, at("run.json"), "--json")).out) as {
      layers: { differ: number; compared: number }[];
      first: { sides: { place?: object; threshold?: number }[] };
    };
    const total = (key: "differ" | "compared"): number => done.layers.reduce((sum, layer) => sum + layer[key], 0);
    expect(done.layers.length).toBeGreaterThan(5);
    // Weights are rounded to 8 bits: most spikes are those of the trained network, not all.
    expect(total("differ")).toBeGreaterThan(0);
    expect(total("differ")).toBeLessThan(0.2 * total("compared"));
    expect(done.first.sides[0]!.threshold).toBeGreaterThan(0);
    expect(done.first.sides[1]!.place).toMatchObject({ core: expect.any(Number), compartment: expect.any(Number) });
    rmSync(folder, { recursive: true });
  });
});
