import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { LOIHI_PROFILES } from "../src/ir/index.js";
import { runNeuronLadder } from "../src/validate/neuron-ladder.js";
import { differenceText } from "../src/validate/neuron-states.js";
import {
  differenceOf,
  goldenCase,
  NEURON_CASES,
  readAs,
  withLayers,
  withRounding,
  type NeuronCaseName,
} from "./support/neuron-cases.js";
import type { NeuronNetwork } from "../src/frontend/loihi/index.js";
import { needShared, ROOT } from "./support/shared.js";

/** Integer neurons: every recorded u, v and spike, and where a recording tells one tool's rules from another's. */

/** The chip that the tools emulate, and one whose cores are so small that every layer is cut. */
const CHIPS = ["loihi1", "loihi-teaching"].map((name) => readChip(name, new Report(), "loihi")!);

describe("the ladder of a recorded case of integer neurons", () => {
  it.for(NEURON_CASES)("%s: every u, v and spike is equal, by the evaluator and on chips", (name, context) => {
    const recorded = goldenCase(needShared(context), name);
    const { profile } = recorded.network;
    const rungs = runNeuronLadder(recorded, CHIPS);
    expect(rungs.map((rung) => [rung.name, rung.status, rung.status === "passed" ? "" : rung.detail])).toEqual([
      ["import", "passed", ""],
      ["recorded, teacher-forced", "passed", ""],
      ["recorded, free-running", "passed", ""],
      [`chip loihi1 with profile ${profile}, event`, "passed", ""],
      [`chip loihi1 with profile ${profile}, stepped`, "passed", ""],
      [`chip loihi-teaching with profile ${profile}, event`, "passed", ""],
      [`chip loihi-teaching with profile ${profile}, stepped`, "passed", ""],
    ]);
    for (const { layers } of rungs.slice(1)) {
      expect(layers.map((layer) => layer.name)).toEqual(recorded.network.layers.map((layer) => layer.name));
      expect(layers.every((layer) => layer.spikes > 100)).toBe(true);
    }
  });
});

/** Even weights, exponent 0, no bias, no refractory period: here the tools agree, but for brian2's timing and decay register. */
const AGREEING: readonly string[] = ["loihi-lava-1", "loihi-nengo-1"];

describe.each(LOIHI_PROFILES)("read as %s", (tool) => {
  it.for(NEURON_CASES)("%s agrees where its README says so, and nowhere else", (name, context) => {
    const shared = needShared(context);
    const recorded = goldenCase(shared, name);
    const { network } = readAs(shared, name, tool);
    const agrees = recorded.network.profile === tool || (AGREEING.includes(name) && tool !== "brian2");
    expect(differenceOf(recorded, network) === undefined).toBe(agrees);
  });
});

it("brian2loihi-1 is loihi-lava-1 and loihi-nengo-1 one timestep earlier", (context) => {
  const shared = needShared(context);
  const brian2 = goldenCase(shared, "brian2loihi-1");
  const later = withLayers(brian2, ({ delay }) => ({ delay: delay + 1 }));
  for (const name of ["loihi-lava-1", "loihi-nengo-1"] as const) {
    const other = goldenCase(shared, name);
    expect(differenceOf(other, later)).toBeUndefined();
    expect(differenceOf(other, brian2.network)).toBeDefined();
  }
});

/** One rule of another tool in a recorded case, which must not survive it. */
interface Row {
  readonly rule: string;
  readonly name: NeuronCaseName;
  readonly read: string;
  readonly network: (shared: string) => NeuronNetwork;
}

const change = (rule: string, name: NeuronCaseName, read: string, edit: Parameters<typeof withLayers>[1]): Row => ({
  rule,
  name,
  read,
  network: (shared) => withLayers(goldenCase(shared, name), edit),
});

const rounding = (name: NeuronCaseName, tool: (typeof LOIHI_PROFILES)[number], layer: number): Row => ({
  rule: "low bits of mixed weights",
  name,
  read: `as ${tool} rounds those of layer${layer}`,
  network: (shared) => withRounding(shared, name, layer, tool),
});

const ROWS: readonly Row[] = [
  change("decay of u", "loihi-lava-1", "without the 1 that the chip adds", ({ decayU }) => ({ decayU: decayU - 1 })),
  change("decay of u", "loihi-nengo-1", "without the 1 that the chip adds", ({ decayU }) => ({ decayU: decayU - 1 })),
  change("decay of u", "brian2loihi-1", "with the 1 that the chip adds", ({ decayU }) => ({ decayU: decayU + 1 })),
  change("arrival of inputs", "loihi-lava-1", "in their own timestep", () => ({ delay: 0 })),
  change("arrival of inputs", "loihi-nengo-1", "in their own timestep", () => ({ delay: 0 })),
  change("arrival of inputs", "brian2loihi-1", "one timestep later", () => ({ delay: 1 })),
  change("synaptic delay", "brian2loihi-2", "layer to layer in 1 timestep", (_, i) => (i === 1 ? { delay: 1 } : {})),
  change("synaptic delay", "brian2loihi-2", "layer to layer in 2 timesteps", (_, i) => (i === 1 ? { delay: 2 } : {})),
  ...[0, 1].flatMap((layer) => [
    rounding("loihi-lava-2", "nengo", layer),
    rounding("loihi-lava-2", "brian2", layer),
    rounding("loihi-nengo-2", "lava", layer),
    rounding("loihi-nengo-2", "brian2", layer),
    rounding("brian2loihi-2", "lava", layer),
    rounding("brian2loihi-2", "nengo", layer),
  ]),
  change("bias", "loihi-lava-2", "none", ({ bias }) => ({ bias: bias.map(() => 0) })),
  change("bias", "loihi-nengo-2", "none", ({ bias }) => ({ bias: bias.map(() => 0) })),
  change("refractory period", "loihi-nengo-2", "none", () => ({ refractory: 1 })),
  change("refractory period", "loihi-nengo-2", "one timestep more", ({ refractory }) => ({
    refractory: refractory + 1,
  })),
  change("refractory period", "brian2loihi-2", "none", () => ({ refractory: 1 })),
  change("refractory period", "brian2loihi-2", "one timestep more", ({ refractory }) => ({
    refractory: refractory + 1,
  })),
];

describe("one rule of another tool", () => {
  const document = readFileSync(join(ROOT, "docs", "loihi-arithmetic.md"), "utf8");

  it.for(ROWS)("$rule in $name, read $read: the recording differs where the documentation says", (row, context) => {
    const shared = needShared(context);
    const recorded = goldenCase(shared, row.name);
    const at = differenceOf(recorded, row.network(shared));
    if (at === undefined) throw new Error("no difference: the recording does not show the rule");
    const line = `| ${row.rule} | \`${row.name}\` | ${row.read} | ${at.layer}, ${at.timestep}, ${at.neuron} | ${stateText(at.recorded)} | ${stateText(at.computed)} |`;
    expect(document.includes(line), `${line}\n${differenceText(at)}`).toBe(true);
  });
});

const stateText = ({ u, v, spike }: { u: number; v: number; spike: number }): string =>
  `${u}, ${v}, ${spike}`.replaceAll("-", "−");

describe("what no recorded case shows", () => {
  it.for(NEURON_CASES)("%s stays clear of every limit at which tools wrap or clip", (name, context) => {
    const { network, layers } = goldenCase(needShared(context), name);
    const largest = (values: ArrayLike<number>): number =>
      Array.from(values).reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    for (const { u, v } of layers) {
      expect(largest(u)).toBeLessThan(2 ** 18);
      expect(largest(v)).toBeLessThan(2 ** 20);
    }
    // What all inputs at once would bring; no timestep brings more.
    for (const { weights, neurons, currentShift } of network.layers) {
      const sums = new Float64Array(neurons);
      weights.forEach((w, i) => (sums[i % neurons]! += Math.abs(w)));
      const aligned = network.profile === "lava" ? 64 * 2 ** currentShift : 1;
      expect(largest(sums) * aligned).toBeLessThan(2 ** 21);
    }
  });

  it("negative exponents: mantissas of 6 bits are multiples of 8, which two shifts leave whole", (context) => {
    const shared = needShared(context);
    for (const name of ["loihi-lava-2", "loihi-nengo-2", "brian2loihi-2"] as const) {
      const recorded = goldenCase(shared, name);
      const { weights, currentShift } = recorded.network.layers[1]!;
      const unit = recorded.network.profile === "lava" ? 1 : 64 * 2 ** -2;
      expect(currentShift).toBe(recorded.network.profile === "lava" ? -2 : 0);
      expect([...weights].every((w) => (w / unit) % 8 === 0)).toBe(true);
    }
  });
});
