import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { LoihiProgram } from "../src/backends/program/loihi/program.js";
import { loihiChipSchema, type LoihiChip } from "../src/chips/loihi.js";
import { createEvent } from "../src/sim/loihi/event/index.js";
import type { LoihiEvent, LoihiRunResult } from "../src/sim/loihi/result.js";
import { layeredCase, randomSpikingCase } from "../test/report/sana-fe/random-programs.js";
import { synapsesOf } from "../test/sim/loihi/build.js";
import { needSanaFe, runSanaFe, type SanaFeRun } from "./support/sana-fe.js";
import { FULL, printBox, ROOT } from "./support/shared.js";

/** Mapped programs run by SANA-FE itself (Python package `sanafe`): docs/sana-fe.md. */

const sum = (values: Iterable<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

const events = ({ layers }: LoihiRunResult, event: LoihiEvent): number =>
  sum(layers.map((layer) => sum(layer.events[event])));

const synapticEvents = ({ layers }: LoihiRunResult): number => sum(layers.flatMap(({ synapses }) => synapses.map(sum)));

beforeEach((context) => {
  needSanaFe(context);
});

const everyAxonActs = ({ cores }: LoihiProgram): boolean =>
  cores.every(
    (core) =>
      core.kind === "neuro" &&
      Array.from({ length: core.axons.start.length - 1 }, (_, axon) => synapsesOf(core, axon)).every(
        (synapses) => synapses.length > 0,
      ),
  );

function expectSameSpikes(program: LoihiProgram, ours: LoihiRunResult, theirs: SanaFeRun, seed: number): void {
  for (const population of program.populations.keys()) {
    const name = `seed ${seed}, population ${population}`;
    expect([name, ...ours.outputs.get(`output${population}`)!]).toEqual([name, ...theirs.local[population]!]);
  }
}

const shippedChip = (name: string): LoihiChip =>
  loihiChipSchema.parse(JSON.parse(readFileSync(join(ROOT, "src", "chips", `${name}.json`), "utf8")));

describe("SANA-FE on exported programs", () => {
  it("fires the same neurons in the same timesteps", () => {
    let spikes = 0;
    for (let seed = 0; seed < (FULL ? 500 : 60); seed++) {
      const { program, inputs } = randomSpikingCase(seed);
      const ours = createEvent(program).run(inputs);
      expectSameSpikes(program, ours, runSanaFe(program, inputs), seed);
      spikes += events(ours, "spike");
    }
    expect(spikes).toBeGreaterThan(500);
  });

  it("counts the same events where all local times are one", () => {
    let compared = 0;
    for (let seed = 0; seed < (FULL ? 300 : 40); seed++) {
      const { program, inputs } = randomSpikingCase(seed, { latest: 0 });
      const theirs = runSanaFe(program, inputs);
      const hostSpikes = sum(theirs.perf.fired) - sum(theirs.local.map(sum));
      // SANA-FE counts what input neurons send, and does not send what reaches no synapse.
      if (hostSpikes > 0 || !everyAxonActs(program)) continue;
      compared++;
      const ours = createEvent(program).run(inputs);
      expect(theirs.messages).toBe(events(ours, "message"));
      expect(sum(theirs.perf.spikes)).toBe(synapticEvents(ours));
      expect(sum(theirs.perf.hops)).toBe(events(ours, "hopX") + events(ours, "hopY") + events(ours, "chipHop"));
    }
    expect(compared).toBeGreaterThan(5);
  });

  it.each([
    { driven: "by the host", options: { density: 0.1, bias: 8 } },
    { driven: "by biases", options: { density: 0, bias: 150 } },
  ])("takes the time and the energy that docs/sana-fe.md explains: layers driven $driven", ({ driven, options }) => {
    const chip = shippedChip("loihi1");
    const sizes = [400, 800, 500, 10];
    const { program, inputs } = layeredCase(1, chip, sizes, 32, options);
    const ours = createEvent(program).run(inputs);
    const theirs = runSanaFe(program, inputs);
    expectSameSpikes(program, ours, theirs, 1);

    const { energy } = chip;
    const synapse = sum(
      ours.layers.flatMap(({ synapses }) =>
        synapses.map((counts, format) => sum(counts) * energy.synapse[chip.synapseFormats[format]!.name]!),
      ),
    );
    const soma =
      events(ours, "access") * energy.neuronAccess +
      events(ours, "update") * energy.neuronUpdate +
      events(ours, "spike") * energy.spikeOut;
    const network =
      events(ours, "message") * (energy.messageOut + energy.messageIn) +
      events(ours, "hopX") * energy.hopX +
      events(ours, "hopY") * energy.hopY;
    // SANA-FE's first timestep is none of the chip's, but input neurons fire in it.
    const theirSum = (what: keyof SanaFeRun["perf"], from = 0): number => sum(theirs.perf[what].slice(from));
    const ratios = {
      soma: (theirSum("soma_energy", 1) * 1e12) / soma,
      synapse: (theirSum("synapse_energy") * 1e12) / synapse,
      network: (theirSum("network_energy") * 1e12) / network,
      time: (theirSum("sim_time", 1) * 1e12) / ours.time,
    };
    printBox([
      `${program.name} on ${chip.name}, driven ${driven}: ${events(ours, "spike")} spikes, ${sum(theirs.outside)} outside local times in SANA-FE`,
      `neuron phases ${(sum(ours.neuronTimes) / ours.time).toFixed(3)} of the time`,
      `SANA-FE / spikec: ${Object.entries(ratios)
        .map(([name, value]) => `${name} ${value.toFixed(4)}`)
        .join(", ")}`,
    ]);
    // Neurons of SANA-FE run outside their local time, too: here in two of 34 steps.
    const behind = sum(theirs.outside.map((spikes, layer) => spikes * (sizes[layer + 2] ?? 0)));
    const share = 1 + (behind * energy.synapse["dense"]!) / synapse;
    expect(ratios.synapse).toBeCloseTo(share, 9);
    expect(Math.abs(ratios.network - share)).toBeLessThan(sum(theirs.outside) === 0 ? 1e-9 : 0.01);
    expect(ratios.soma).toBeGreaterThanOrEqual(1);
    expect(ratios.soma).toBeLessThan(1.06);
  });
});
