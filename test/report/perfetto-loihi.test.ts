import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { perfettoLoihiTrace, StepTimeline } from "../../src/report/perfetto-loihi.js";
import { createEvent } from "../../src/sim/loihi/event/index.js";
import { loihiCases, randomLoihiCase, type LoihiCase } from "../sim/loihi/random-programs.js";
import { watched } from "../sim/loihi/watched.js";
import { readTrace, type Event } from "./trace-file.js";

const ps = (microseconds: number): number => Math.round(microseconds * 1e6);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function traced({ program, inputs }: LoihiCase, timeline = new StepTimeline()) {
  const result = createEvent(program).run(inputs, { onStep: timeline.note });
  const events = readTrace(perfettoLoihiTrace(program, timeline.steps, "0"));
  const slices = events.filter(({ ph }) => ph === "X");
  const names = events.filter(({ name }) => name === "thread_name").map(({ args }) => String(args["name"]));
  const on = (track: string): readonly Event[] => slices.filter(({ tid }) => names[tid! - 1] === track);
  return { result, events, slices, names, on };
}

const lasts = (slices: readonly Event[]): number => sum(slices.map(({ dur }) => ps(dur!)));

describe("the trace of a step-by-step chip", () => {
  it("shows on each track as much work as the run counts, in random programs", () => {
    fc.assert(
      fc.property(loihiCases(), (random) => {
        const { result, on } = traced(random);
        const steps = on("steps").filter(({ name }) => name.startsWith("step "));
        expect(steps.map(({ dur }) => ps(dur!))).toEqual([...result.stepTimes]);
        // What a step consists of fills it, without gaps.
        expect(lasts(on("steps"))).toBe(2 * result.time);
        for (const [i, { kind, tile, slot }] of random.program.cores.entries()) {
          const core = `core ${i} at ${tile}.${slot}`;
          const { neuronTime, ingressTime, received } = result.cores[i]!;
          expect(lasts(on(`${core} ${kind === "neuro" ? "neurons" : "attention"}`))).toBe(neuronTime);
          const ingress = on(`${core} ingress`);
          expect(sum(ingress.map(({ args }) => ps(Number(args["busy_us"]))))).toBe(ingressTime);
          expect(sum(ingress.map(({ args }) => Number(args["messages"])))).toBe(received);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("lets no slices of a track overlap, but for the parts of a step", () => {
    fc.assert(
      fc.property(loihiCases(), (random) => {
        const { names, on } = traced(random);
        for (const track of names) {
          const slices = on(track).filter(({ name }) => track !== "steps" || name.startsWith("step "));
          for (const [i, next] of slices.slice(1).entries())
            expect(ps(next.ts!)).toBeGreaterThanOrEqual(ps(slices[i]!.ts!) + ps(slices[i]!.dur!));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is cut behind the steps that fit, and says so", () => {
    const random = randomLoihiCase(3);
    const { steps } = watched(createEvent(random.program), random.inputs);
    const whole = traced(random);
    expect(whole.events.some(({ ph }) => ph === "i")).toBe(false);
    const most = whole.slices.filter(({ args }) => Number(args["step"]) < 2).length + 2;
    const cut = traced(random, new StepTimeline(most));
    const shown = new Set(cut.slices.map(({ args }) => args["step"]));
    expect(shown.size).toBeGreaterThan(0);
    expect(shown.size).toBeLessThan(steps.length);
    expect([...shown]).toEqual([...shown].map((_, i) => i));
    expect(cut.slices).toEqual(whole.slices.slice(0, cut.slices.length));
    expect(cut.slices.length).toBeLessThanOrEqual(most);
    const mark = cut.events.find(({ ph }) => ph === "i")!;
    expect(mark.name).toBe(`cut: steps 0..${shown.size - 1} of ${random.program.steps}`);
    // A step that is too large by itself is still shown.
    expect(traced(random, new StepTimeline(1)).slices.length).toBeGreaterThan(0);
  });
});
