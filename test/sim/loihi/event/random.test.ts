import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoihiProgram, Routes } from "../../../../src/backends/program/loihi/program.js";
import { createEvent } from "../../../../src/sim/loihi/event/index.js";
import { LOIHI_EVENTS, type LoihiRunResult } from "../../../../src/sim/loihi/result.js";
import { createStepped } from "../../../../src/sim/loihi/stepped/index.js";
import { loihiCases, randomLoihiCase, type LoihiCase } from "../random-programs.js";
import { watched } from "../watched.js";
import { randomCase } from "./random-case.js";

const SEEDS = 900;
const ALL = { record: true, states: true };

/** What the seeds must reach, each in at least so many runs. */
const LEAST = 10;

/** What happened in a run, by name: how often. */
function happenings({ program, inputs }: LoihiCase, result: LoihiRunResult): ReadonlyMap<string, number> {
  const { chip, cores, timesteps, populations } = program;
  const found = new Map<string, number>();
  for (const event of LOIHI_EVENTS) found.set(event, total(result.layers.map(({ events }) => total(events[event]))));
  const neuro = cores.flatMap((core) => (core.kind === "neuro" ? [core] : []));
  const groups = neuro.flatMap((core) => core.groups);
  const delays = neuro.flatMap(({ lists }) => [...lists.delay]);
  const spikes = found.get("spike")!;
  const sometimes = (holds: boolean): number => (holds ? 1 : 0);
  // Only where messages of several cores arrive at one instant does it matter which core comes first.
  const renumbered = createEvent(reversed(program)).run(inputs);
  const peaks = (links: LoihiRunResult["links"]): string => JSON.stringify(links);
  const order = !sameTimes(renumbered, result) || peaks(renumbered.links) !== peaks(result.links);
  const without = (change: Partial<(typeof groups)[number]>): boolean =>
    !sameCounts(createEvent(changed(program, change)).run(inputs), result);
  return new Map([
    ...found,
    ["equal arrivals that matter", sometimes(order)],
    ["queues at injection", result.cores.filter(({ injectionPeak }) => injectionPeak > 2).length],
    ["queues at links", result.links.filter(({ peak }) => peak > 2).length],
    ["queues at ingress", result.cores.filter(({ ingressPeak }) => ingressPeak > 2).length],
    ["steps that an ingress ends", steps(result, chip.time.barrier)],
    ["refractory timesteps that matter", sometimes(without({ refractory: 1 }))],
    ["delays at the limit", delays.filter((delay) => delay === chip.numerics.maxDelay && delay > 1).length],
    ["lists with several delays", neuro.filter(mixedDelays).length],
    ["relays", groups.filter(({ kind }) => kind === "relay").length * spikes],
    ["windows that open late", populations.filter(({ start }) => start > 1).length * timesteps],
    [`profile ${chip.numerics.profile}`, spikes],
    [`attention ${chip.attention?.mode}`, found.get("qa")!],
  ]);
}

const EXPECTED = [
  ...LOIHI_EVENTS,
  "equal arrivals that matter",
  "queues at injection",
  "queues at links",
  "queues at ingress",
  "steps that an ingress ends",
  "refractory timesteps that matter",
  "delays at the limit",
  "lists with several delays",
  "relays",
  "windows that open late",
  ...["loihi", "nengo", "lava", "brian2"].map((profile) => `profile ${profile}`),
  "attention pipelined",
  "attention lockstep",
];

describe("event", () => {
  it(`runs as stepped does, ${SEEDS} random programs on random chips`, () => {
    const runs = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const theCase = randomCase(seed);
      const expected = watched(createStepped(theCase.program), theCase.inputs, ALL);
      const got = watched(createEvent(theCase.program), theCase.inputs, ALL);
      expect(got, `seed ${seed}`).toEqual(expected);
      for (const [what, times] of happenings(theCase, got.result))
        if (times > 0) runs.set(what, (runs.get(what) ?? 0) + 1);
    }
    process.stdout.write(`runs with: ${EXPECTED.map((what) => `${what} ${runs.get(what) ?? 0}`).join(", ")}\n`);
    expect(EXPECTED.filter((what) => (runs.get(what) ?? 0) < LEAST)).toEqual([]);
  });

  it("starts every sample from the same state, also behind one that failed", () => {
    fc.assert(
      fc.property(loihiCases(), ({ program, inputs }) => {
        const machine = createEvent(program);
        const first = machine.run(inputs, ALL);
        const bad = new Map([...inputs].map(([name, values]) => [name, values.subarray(1)]));
        expect(() => machine.run(bad)).toThrow(/needs/);
        expect(machine.run(inputs, ALL)).toEqual(first);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps what it is asked to keep alone", () => {
    const { program, inputs } = randomLoihiCase(1);
    const { spikes, states, outputs } = createEvent(program).run(inputs);
    expect([spikes, states]).toEqual([undefined, undefined]);
    expect(outputs).toEqual(createStepped(program).run(inputs).outputs);
  });
});

const total = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((sum, n) => sum + n, 0);

const sameTimes = (a: LoihiRunResult, b: LoihiRunResult): boolean =>
  a.stepTimes.every((time, step) => time === b.stepTimes[step]);

const sameCounts = (a: LoihiRunResult, b: LoihiRunResult): boolean =>
  JSON.stringify(a.layers.map(({ events }) => [...events.spike])) ===
  JSON.stringify(b.layers.map(({ events }) => [...events.spike]));

function steps({ stepTimes, neuronTimes }: LoihiRunResult, barrier: Readonly<Record<string, number>>): number {
  const longest = Math.max(...Object.values(barrier));
  return stepTimes.filter((time, step) => time > neuronTimes[step]! + longest).length;
}

function mixedDelays({ lists }: Extract<LoihiProgram["cores"][number], { kind: "neuro" }>): boolean {
  return lists.start.subarray(1).some((end, list) => new Set(lists.delay.subarray(lists.start[list]!, end)).size > 1);
}

/** The same program with its cores numbered the other way round. */
function reversed(program: LoihiProgram): LoihiProgram {
  const last = program.cores.length - 1;
  const renumber = <T extends { readonly routes: Routes }>(sender: T): T => ({
    ...sender,
    routes: { ...sender.routes, core: sender.routes.core.map((core) => last - core) },
  });
  return { ...program, cores: program.cores.map(renumber).toReversed(), inputs: program.inputs.map(renumber) };
}

/** The same program with another configuration of all its groups. */
function changed(program: LoihiProgram, change: object): LoihiProgram {
  const cores = program.cores.map((core) =>
    core.kind === "neuro" ? { ...core, groups: core.groups.map((group) => ({ ...group, ...change })) } : core,
  );
  return { ...program, cores };
}
