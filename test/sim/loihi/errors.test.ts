import { describe, expect, it } from "vitest";
import type { LoihiInput } from "../../../src/backends/program/loihi/program.js";
import { DiagnosticError, type Diagnostic } from "../../../src/diagnostics/index.js";
import { createBoth } from "./both.js";
import { chip, group, neuroCore, packRoutes, program, type ChipParts } from "./build.js";

interface Setup {
  readonly numerics?: ChipParts["numerics"];
  readonly format?: LoihiInput["format"];
  readonly kind?: "neuron" | "relay";
  readonly weight?: number;
  readonly values?: readonly number[];
}

/** One input element to one compartment, three timesteps. */
function run({ numerics = {}, format = "graded", kind = "neuron", weight = 1, values = [0, 0, 0] }: Setup): void {
  const core = neuroCore({
    tile: 0,
    slot: 0,
    groups: [group(0, 0, [0], { kind, decayU: 0, threshold: [2 ** 31 - 1] })],
    axons: [[{ list: 0, base: 0 }]],
    lists: [{ format: 0, synapses: [{ target: 0, weight, delay: 1 }] }],
    routes: [[]],
  });
  const inputs = [{ name: "x", format, shape: [1], start: 0, routes: packRoutes([[{ core: 0, axon: 0 }]]) }];
  const simulated = program({ chip: chip({ numerics }), timesteps: 3, populations: [[1, 0]], cores: [core], inputs });
  createBoth(simulated).run(new Map([["x", values]]));
}

function faultOf(setup: Setup): Diagnostic {
  try {
    run(setup);
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostic;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const BIG = { gradedBits: 32 };

describe("a run of the step-by-step chip", () => {
  it.each<[string, Setup, string, RegExp]>([
    ["too few values", { values: [1, 2] }, "sim/input", /`x` needs 3 timesteps of 1 values, got 2/],
    ["fractions", { values: [0, 0.5, 0] }, "sim/input", /has 0.5 at element 0, timestep 1/],
    [
      "counts where spikes go in",
      { format: "spike", values: [0, 0, 2] },
      "sim/input",
      /has 2 at element 0, timestep 2/,
    ],
    [
      "values beyond the payload",
      { numerics: { gradedBits: 4 }, values: [0, 8, 0] },
      "sim/payload",
      /would send 8 in step 1, messages hold -8\.\.7/,
    ],
    [
      "graded values without payloads",
      { numerics: { gradedBits: 0 }, values: [1, 0, 0] },
      "sim/payload",
      /no payloads at all/,
    ],
    [
      "relayed sums beyond the payload",
      { numerics: { gradedBits: 4 }, kind: "relay", weight: -3, values: [0, 0, 3] },
      "sim/payload",
      /compartment 0 of core 0 \(neuron 0 of `population0`\) would send -9 in step 2/,
    ],
    [
      "u beyond 32 bits",
      { numerics: { ...BIG, profile: "brian2" }, weight: 1, values: [2 ** 31 - 1, 1, 0] },
      "sim/overflow",
      /u of compartment 0 of core 0 .* is 2147483648 in step 1, which leaves 32 bits/,
    ],
    [
      "sums beyond 53 bits",
      { numerics: BIG, weight: 2 ** 30, values: [0, 2 ** 30, 0] },
      "sim/overflow",
      /the input of compartment 0 .* in step 1, which leaves 53 bits/,
    ],
  ])("refuses %s", (_, setup, code, message) => {
    const fault = faultOf(setup);
    expect(fault.code).toBe(code);
    expect(fault.message).toMatch(message);
  });

  it.each<[string, Setup]>([
    ["payloads at both limits", { numerics: { gradedBits: 4 }, values: [-8, 7, 0] }],
    ["relayed sums at the limit", { numerics: { gradedBits: 4 }, kind: "relay", weight: -2, values: [4, -3, 0] }],
    ["spikes without payloads", { numerics: { gradedBits: 0 }, format: "spike", values: [1, 0, 1] }],
    ["u of 32 bits", { numerics: { ...BIG, profile: "brian2" }, values: [2 ** 31 - 1, 0, 0] }],
    ["sums of 53 bits", { numerics: BIG, weight: 2 ** 22 - 1, values: [2 ** 31 - 1, 0, 0] }],
  ])("takes %s", (_, setup) => {
    expect(() => run(setup)).not.toThrow();
  });
});
