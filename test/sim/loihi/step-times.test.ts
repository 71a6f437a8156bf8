import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStepped } from "../../../src/sim/loihi/stepped/index.js";
import { createEvent } from "../../../src/sim/loihi/event/index.js";
import { chip, group, neuroCore, program } from "./build.js";
import { loihiCases } from "./random-programs.js";
import { watched } from "./watched.js";

/** When cores work in each step; that both simulators say the same is checked wherever they are compared. */

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

describe("the times of steps", () => {
  it("add up to what the run says, in random programs", () => {
    fc.assert(
      fc.property(loihiCases(), (random) => {
        const { result, steps } = watched(createStepped(random.program), random.inputs);
        expect(steps.map(({ end }) => end)).toEqual([...result.stepTimes]);
        expect(steps.map(({ neurons }) => Math.max(0, ...neurons))).toEqual([...result.neuronTimes]);
        for (const { neurons, ingress, delivered, rounds, end } of steps) {
          expect(delivered).toBe(Math.max(0, ...neurons, ...ingress.end));
          // Everything behind the neurons and messages is barriers, one more than rounds, and the longest work of each round.
          const work = sum(rounds.map((round) => Math.max(0, ...round.work)));
          const barrier = (end - delivered - work) / (rounds.length + 1);
          let now = delivered;
          for (const round of rounds) {
            expect(round.begin).toBe(now + barrier);
            now = round.begin + Math.max(0, ...round.work);
          }
          expect(end).toBe(now + barrier);
        }
        for (const [core, counts] of result.cores.entries()) {
          const ofRounds = steps.flatMap(({ rounds }) => rounds.map(({ work }) => work[core]!));
          expect(sum([...steps.map(({ neurons }) => neurons[core]!), ...ofRounds])).toBe(counts.neuronTime);
          expect(sum(steps.map(({ ingress }) => ingress.busy[core]!))).toBe(counts.ingressTime);
          expect(sum(steps.map(({ ingress }) => ingress.messages[core]!))).toBe(counts.received);
          for (const { ingress } of steps) {
            const [begin, end] = [ingress.begin[core]!, ingress.end[core]!];
            expect(ingress.busy[core]!).toBeLessThanOrEqual(end - begin);
            if (ingress.messages[core] === 0) expect([begin, end]).toEqual([0, 0]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it.each([["stepped", createStepped] as const, ["event", createEvent] as const])(
    "are those worked out on paper, in %s",
    (_name, create) => {
      // Two neurons of core 0 fire: their messages leave at 10 + 1 = 11 and 22, arrive 100 later, and are served for 5 each.
      const bias = [1, 1];
      const sender = neuroCore({
        tile: 0,
        slot: 0,
        groups: [group(0, 0, [0, 1], { bias })],
        axons: [],
        lists: [],
        routes: [[{ core: 1, axon: 0 }], [{ core: 1, axon: 0 }]],
      });
      const receiver = neuroCore({
        tile: 0,
        slot: 1,
        groups: [group(1, 0, [0])],
        axons: [[{ list: 0, base: 0 }]],
        lists: [{ format: 0, synapses: [{ target: 0, weight: 0, delay: 1 }] }],
        routes: [[]],
      });
      const time = { neuronAccess: 10, messageOut: 1, injectionHop: 100, messageIn: 5, barrier: { 1: 1000 } };
      const cores = [sender, receiver];
      const populations = [
        [2, 0],
        [1, 0],
      ] as const;
      const { steps } = watched(create(program({ chip: chip({ time }), timesteps: 1, populations, cores })), new Map());
      expect(steps).toEqual([
        {
          step: 0,
          neurons: Float64Array.of(22, 10),
          ingress: {
            begin: Float64Array.of(0, 111),
            end: Float64Array.of(0, 127),
            busy: Float64Array.of(0, 10),
            messages: Float64Array.of(0, 2),
          },
          delivered: 127,
          rounds: [],
          end: 1127,
        },
      ]);
    },
  );
});
