import { describe, expect, it } from "vitest";
import { uniformActivity } from "../../../src/backends/layerwise/index.js";
import { workOf } from "../../../src/backends/layerwise/cost/work.js";
import { planDram } from "../../../src/backends/layerwise/dram.js";
import type { Draft, FeatureMap } from "../../../src/backends/layerwise/stage.js";
import { builtIn, instruction } from "../../sim/support.js";
import { mixedNet, Random } from "./nets.js";

/* What a later part of the compiler asks for and an earlier one did not say is a fault, and no address or rate by default. */

const chip = builtIn("layerwise-small");

describe("a plan of DRAM", () => {
  it("has no place for a map that nobody placed", () => {
    const net = mixedNet(new Random(1), 2);
    const map: FeatureMap = {
      name: "stranger",
      memory: "spike",
      span: "block",
      format: "int",
      positions: 4,
      channels: 3,
      blocks: 1,
      planes: 1,
      usedPlanes: 1,
    };
    const home = { dram: 640, slotBytes: 64, bytes: 64, all: true };
    const placed = planDram(net, [], chip, { homes: new Map([[map, home]]), end: 1024 });
    expect(placed.homeOf(map)).toEqual(home);
    expect(() => placed.homeOf({ ...map })).toThrow("internal error: `stranger` has no place in DRAM");
  });
});

describe("the expected work of an instruction", () => {
  it.each(["accumulate", "multiply", "attend-kv", "attend-q"] as const)("%s wants to know what it reads", (op) => {
    const { fields } = instruction(op, {});
    const draft = { op, layer: 0, fields } as Draft;
    expect(() => workOf(draft, chip, uniformActivity(0.5))).toThrow(`internal error: ${op} does not say`);
    expect(() => workOf({ ...draft, sources: ["x"] }, chip, uniformActivity(0.5))).not.toThrow();
  });
});
