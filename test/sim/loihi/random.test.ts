import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import { createStepped } from "../../../src/sim/loihi/stepped/index.js";
import { LOIHI_EVENTS, type LoihiRunResult } from "../../../src/sim/loihi/result.js";
import { Random } from "../../support/random.js";
import { loihiCases, randomLoihiCase } from "./random-programs.js";
import { reference } from "./reference.js";

const RUNS = 100;

/** What the random programs must reach beside each event. */
const PLACES = [
  "queues at links",
  "queues at injection",
  "queues at ingress",
  "end by ingress",
  "loihi",
  "nengo",
  "lava",
  "brian2",
  "truenorth",
  "axons hit twice",
  "relay",
  "refractory",
  "long delays",
  "pipelined",
  "lockstep",
];

/** Counts of a result as the reference keeps them. */
function countsOf({ layers, steps }: LoihiRunResult): Map<string, number> {
  const counts = new Map<string, number>();
  const note = (layer: number, name: string, of: Float64Array): void => {
    for (let step = 0; step < steps; step++) if (of[step]! > 0) counts.set(`${layer} ${step} ${name}`, of[step]!);
  };
  layers.forEach(({ events, synapses }, layer) => {
    for (const event of LOIHI_EVENTS) note(layer, event, events[event]);
    synapses.forEach((of, format) => note(layer, `synapse ${format}`, of));
  });
  return counts;
}

const sorted = (map: ReadonlyMap<string, number>): [string, number][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe("random programs", () => {
  it("reach every event, queue, arithmetic and mode", () => {
    const seeds = 100;
    const seen = new Map<string, number>();
    const note = (what: string, times: number): void => {
      if (times > 0) seen.set(what, (seen.get(what) ?? 0) + 1);
    };
    for (let seed = 0; seed < seeds; seed++) {
      const { program, inputs } = randomLoihiCase(seed);
      const { chip, cores } = program;
      const result = createStepped(program).run(inputs);
      for (const event of LOIHI_EVENTS) note(event, sumOf(result, event));
      note("queues at links", result.links.filter(({ peak }) => peak > 2).length);
      note("queues at injection", result.cores.filter(({ injectionPeak }) => injectionPeak > 2).length);
      note("queues at ingress", result.cores.filter(({ ingressPeak }) => ingressPeak > 2).length);
      note(
        "end by ingress",
        countOf(result.stepTimes, (t, i) => t > result.neuronTimes[i]! + largest(chip.time.barrier)),
      );
      note(chip.numerics.profile, sumOf(result, "spike"));
      note(chip.attention?.mode ?? "no attention", sumOf(result, "qa"));
      note("axons hit twice", reference(program, inputs).merged);
      const relays = new Set(
        cores
          .flatMap((core) => (core.kind === "neuro" ? core.groups : []))
          .flatMap(({ kind, population }) => (kind === "relay" ? [population] : [])),
      );
      note("relay", total([...relays].map((population) => total(reference(program, inputs).spikes[population]!))));
      note(
        "refractory",
        cores.filter((core) => core.kind === "neuro" && core.groups.some((g) => g.refractory > 1)).length,
      );
      note("long delays", cores.filter((core) => core.kind === "neuro" && core.lists.delay.some((d) => d > 3)).length);
    }
    const few = [...LOIHI_EVENTS, ...PLACES].filter((what) => (seen.get(what) ?? 0) < 5);
    expect(few).toEqual([]);
  });
});

describe("stepped, on random programs and chips", () => {
  it("computes and counts what the definition says", () => {
    fc.assert(
      fc.property(loihiCases(), ({ program, inputs }) => {
        const expected = reference(program, inputs);
        const result = createStepped(program).run(inputs, { record: true, states: true });
        program.populations.forEach(({ name }, i) => {
          expect([name, ...result.states!.get(name)!.u]).toEqual([name, ...expected.u[i]!]);
          expect([name, ...result.states!.get(name)!.v]).toEqual([name, ...expected.v[i]!]);
        });
        for (const { name, population } of program.outputs) {
          expect([...result.outputs.get(name)!]).toEqual(expected.spikes[population]);
        }
        for (const [i, { name, recorded }] of program.layers.entries()) {
          const first = program.populations.findIndex(({ layer }) => layer === i);
          const kept = recorded && first >= 0 ? expected.spikes[first] : undefined;
          expect(result.spikes!.get(name)).toEqual(kept && Uint8Array.from(kept));
        }
        expect(sorted(countsOf(result))).toEqual(sorted(expected.counts));
        expect(result.cores.map(({ sent }) => sent)).toEqual(expected.sent);
        expect(result.cores.map(({ received }) => received)).toEqual(expected.received);
        expect(new Map(result.links.map(({ from, to, messages }) => [`${from} ${to}`, messages]))).toEqual(
          new Map(result.links.map(({ from, to }) => [`${from} ${to}`, expected.links.get(`${from} ${to}`)])),
        );
        expect(result.links).toHaveLength(expected.links.size);
      }),
      { numRuns: RUNS },
    );
  });

  it("loses no message", () => {
    fc.assert(
      fc.property(loihiCases(), ({ program, inputs }) => {
        const result = createStepped(program).run(inputs);
        const [sent, received] = [total(result.cores.map((c) => c.sent)), total(result.cores.map((c) => c.received))];
        expect(received).toBe(sent);
        expect(sumOf(result, "message")).toBe(sent);
        const hops = sumOf(result, "hopX") + sumOf(result, "hopY") + sumOf(result, "chipHop");
        expect(total(result.links.map(({ messages }) => messages))).toBe(hops);
        expect(result.time).toBe(total(result.stepTimes));
      }),
      { numRuns: RUNS },
    );
  });

  it("walks each synapse of each arrival once", () => {
    fc.assert(
      fc.property(loihiCases(), (theCase) => {
        // Without the host's values all synaptic events are those of messages, and the ingresses do nothing else.
        const program = { ...theCase.program, inputs: [] };
        const { cores, layers } = createStepped(program).run(new Map());
        const { time, synapseFormats } = program.chip;
        const ofFormat = synapseFormats.map(
          ({ name }, f) => time.synapse[name]! * total(layers.map(({ synapses }) => total(synapses[f]!))),
        );
        const messages = time.messageIn * total(cores.map(({ received }) => received));
        expect(total(cores.map(({ ingressTime }) => ingressTime))).toBe(messages + total(ofFormat));
      }),
      { numRuns: RUNS },
    );
  });

  it("computes the same wherever cores lie", () => {
    let moved = 0;
    fc.assert(
      fc.property(loihiCases(), fc.nat(), ({ program, inputs }, seed) => {
        const [a, b] = [program, permuted(program, new Random(seed))].map((p) =>
          createStepped(p).run(inputs, { record: true, states: true }),
        ) as [LoihiRunResult, LoihiRunResult];
        expect([b.outputs, b.spikes, b.states]).toEqual([a.outputs, a.spikes, a.states]);
        expect(b.layers.map(({ synapses }) => synapses)).toEqual(a.layers.map(({ synapses }) => synapses));
        if (a.time !== b.time) moved++;
      }),
      { numRuns: RUNS },
    );
    expect(moved).toBeGreaterThan(RUNS / 10);
  });

  it("sends nothing before the start of a population, nor behind its end", () => {
    fc.assert(
      fc.property(loihiCases(), ({ program, inputs }) => {
        const { layers } = createStepped(program).run(inputs);
        layers.forEach(({ events }, layer) => {
          const windows = program.populations.filter((p) => p.layer === layer);
          const chunks = program.cores.flatMap((c) =>
            c.kind === "attention" && program.populations[c.population]!.layer === layer ? [c.chunk] : [],
          );
          const begin = Math.min(...windows.map(({ start }) => start));
          const end = Math.max(...windows.map(({ start }) => start)) + program.timesteps + Math.max(0, ...chunks);
          for (const event of ["update", "spike", "message"] as const) {
            expect([...events[event]].some((n, step) => n > 0 && (step < begin || step >= end))).toBe(false);
          }
        });
      }),
      { numRuns: RUNS },
    );
  });

  it("takes n times as long where all times are n times as long", () => {
    fc.assert(
      fc.property(loihiCases(), fc.integer({ min: 2, max: 1_000_003 }), ({ program, inputs }, n) => {
        const [a, b] = [createStepped(program).run(inputs), createStepped(slower(program, n)).run(inputs)];
        expect(b.stepTimes).toEqual(a.stepTimes.map((time) => n * time));
        expect(b.neuronTimes).toEqual(a.neuronTimes.map((time) => n * time));
        expect(b.links).toEqual(a.links);
        expect(b.layers).toEqual(a.layers);
        expect(b.cores).toEqual(
          a.cores.map((core) => ({ ...core, neuronTime: n * core.neuronTime, ingressTime: n * core.ingressTime })),
        );
      }),
      { numRuns: RUNS },
    );
  });

  it("does not depend on the tick", () => {
    fc.assert(
      fc.property(loihiCases(), ({ program, inputs }) => {
        // A time that no event of the program costs halves the tick.
        const { chip } = program;
        const twice = slower(program, 2);
        const fine = {
          ...twice,
          chip: { ...twice.chip, time: { ...twice.chip.time, barrier: { ...twice.chip.time.barrier, 1000: 1 } } },
        };
        expect(chip.time.barrier[1000]).toBeUndefined();
        expect(createStepped(fine).run(inputs)).toEqual(createStepped(twice).run(inputs));
      }),
      { numRuns: 20 },
    );
  });

  it("starts every sample from the same state", () => {
    fc.assert(
      fc.property(loihiCases(), ({ program, inputs }) => {
        const machine = createStepped(program);
        expect(machine.run(inputs, { states: true })).toEqual(machine.run(inputs, { states: true }));
      }),
      { numRuns: 20 },
    );
  });
});

const total = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((sum, n) => sum + n, 0);

const largest = (numbers: Readonly<Record<string, number>>): number => Math.max(...Object.values(numbers));

const countOf = (numbers: Float64Array, holds: (n: number, i: number) => boolean): number =>
  numbers.filter(holds).length;

function sumOf({ layers }: LoihiRunResult, event: (typeof LOIHI_EVENTS)[number]): number {
  return total(layers.map(({ events }) => total(events[event])));
}

/** The same cores in each other's places. */
function permuted(program: LoihiProgram, random: Random): LoihiProgram {
  const places = random.shuffle(program.cores.map(({ tile, slot }) => ({ tile, slot })));
  return { ...program, cores: program.cores.map((core, i) => ({ ...core, ...places[i]! })) };
}

function slower(program: LoihiProgram, n: number): LoihiProgram {
  const { synapse, barrier, ...times } = program.chip.time;
  const scaled = <T extends Record<string, number>>(record: T): T =>
    Object.fromEntries(Object.entries(record).map(([name, time]) => [name, n * time])) as T;
  const time = { ...scaled(times), synapse: scaled(synapse), barrier: scaled(barrier) };
  return { ...program, chip: { ...program.chip, time } };
}
