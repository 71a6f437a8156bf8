import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { ENGINES } from "../../src/backends/program/instruction.js";
import type { Program } from "../../src/backends/program/program.js";
import { Report } from "../../src/diagnostics/index.js";
import { readInputs } from "../../src/frontend/inputs/index.js";
import { sampleFor } from "../../src/frontend/inputs/channels-last.js";
import { perfettoTrace, Timeline, tokenFlows } from "../../src/report/perfetto.js";
import { createStepped, type RunResult } from "../../src/sim/layerwise/index.js";
import { digitsModel, digitsPath, folded } from "../support/digits.js";
import { builtIn, instruction, SMALL } from "../sim/support.js";
import { readTrace, type Event } from "./trace-file.js";

interface Traced {
  readonly program: Program;
  readonly result: RunResult;
  readonly timeline: Timeline;
  readonly events: readonly Event[];
}

function traced(program: Program, inputs = new Map<string, Float32Array>()): Traced {
  const timeline = new Timeline(program.instructions.length);
  const result = createStepped(program).run(inputs, { onInstruction: timeline.note });
  return { program, result, timeline, events: readTrace(perfettoTrace(program, timeline, "0")) };
}

function digits(): Traced {
  const program = compileLayerwise(folded(digitsModel().net), builtIn("layerwise-default"), {}, new Report())!;
  const images = readInputs(digitsPath("test-images.npy"), new Report(), { limit: 1 })!.data;
  return traced(program, new Map(program.inputs.map((port) => [port.name, sampleFor(port, images, 0)])));
}

const cyclesOf = ({ program }: Traced, microseconds: number): number =>
  Math.round(microseconds * 1e-6 * program.chip.clockHz);

/** Loads and stores that wait for each other through counters that several instructions signal. */
const counters = fc.array(fc.record({ signal: fc.nat(2), count: fc.integer({ min: 1, max: 3 }), op: fc.nat(1) }), {
  minLength: 2,
  maxLength: 20,
});

function counting(steps: typeof counters extends fc.Arbitrary<infer T> ? T : never): Program {
  const have = [0, 0, 0];
  const dramBytes = SMALL.dram.burstBytes * steps.length;
  const instructions = steps.map(({ signal, count, op }, i) => {
    // Each counter feeds one engine: two would take each other's tokens and deadlock.
    const token = op === 0 ? (i % 2) * 2 : 1;
    const wait = Math.min(have[token]!, count);
    have[token]! -= wait;
    have[signal]! += count;
    const made = instruction(op === 0 ? "load" : "store", { dram: i * SMALL.dram.burstBytes });
    return {
      ...made,
      waits: wait === 0 ? [] : [{ token, count: wait }],
      signals: [{ token: signal, count }],
    };
  });
  const layers = [{ name: "layer", kind: "test", recorded: false, positions: 1, channels: 1 }];
  const rest = { inputs: [], outputs: [], tokens: 3, regions: [], weights: new Uint8Array(0), notes: [] };
  return { name: "counting", target: "layerwise", chip: SMALL, timesteps: 1, layers, dramBytes, instructions, ...rest };
}

describe("the trace of a trained network", () => {
  const run = digits();
  const slices = run.events.filter(({ ph }) => ph === "X");

  it("has a named track per engine", () => {
    const names = run.events.filter(({ name }) => name === "thread_name");
    expect(names.map(({ args }) => args["name"])).toEqual(ENGINES);
  });

  it("shows every instruction once, one after the other on each track", () => {
    expect(slices.map(({ args }) => args["instruction"])).toEqual(run.program.instructions.map((_, i) => i));
    for (const [e] of ENGINES.entries()) {
      const track = slices.filter(({ tid }) => tid === e + 1);
      track.slice(1).forEach((next, i) => {
        const last = track[i]!;
        expect(cyclesOf(run, next.ts!)).toBeGreaterThanOrEqual(cyclesOf(run, last.ts! + last.dur!));
        expect(next.args["waited"]).toBe(cyclesOf(run, next.ts!) - cyclesOf(run, last.ts! + last.dur!));
      });
    }
  });

  it("lasts as long on each track as the engine worked or was held up at work", () => {
    for (const [e, name] of ENGINES.entries()) {
      const track = slices.filter(({ tid }) => tid === e + 1);
      const { busy, port, dram } = run.result.engines[name];
      expect(track.reduce((sum, { dur }) => sum + cyclesOf(run, dur!), 0)).toBe(busy + port + dram);
      expect(track.reduce((sum, { args }) => sum + Number(args["cycles"]), 0)).toBe(busy + port + dram);
    }
    expect(Math.max(...slices.map(({ ts, dur }) => cyclesOf(run, ts! + dur!)))).toBe(run.result.cycles);
  });
});

function checkFlows({ program, events }: Traced): void {
  const ends = (ph: string): Map<number, Event> => new Map(events.filter((e) => e.ph === ph).map((e) => [e.id!, e]));
  const [starts, finishes] = [ends("s"), ends("f")];
  expect([...starts.keys()]).toEqual([...finishes.keys()]);
  const slices = new Map(events.filter(({ ph }) => ph === "X").map((e) => [e.args["instruction"], e]));
  const consumed = new Map<string, number>();
  const signalled = new Map<string, number>();
  for (const [id, start] of starts) {
    const finish = finishes.get(id)!;
    const [from, to] = [slices.get(start.args["from"]!)!, slices.get(finish.args["to"]!)!];
    expect([start.tid, finish.tid, finish.name]).toEqual([from.tid, to.tid, start.name]);
    // Inside its slice, or the viewer binds the arrow to another one; the slice ends before the other begins.
    expect(start.ts).toBeGreaterThanOrEqual(from.ts!);
    expect(start.ts).toBeLessThan(from.ts! + from.dur!);
    expect(finish.ts).toBe(to.ts);
    expect(from.ts! + from.dur!).toBeLessThanOrEqual(to.ts! + 1e-6);
    const add = (sums: Map<string, number>, key: string): unknown =>
      sums.set(key, (sums.get(key) ?? 0) + Number(start.args["count"]));
    add(consumed, `${finish.args["to"]} ${start.name}`);
    add(signalled, `${start.args["from"]} ${start.name}`);
  }
  const waits = program.instructions.flatMap(({ waits: w }, i) =>
    w.map(({ token, count }) => [`${i} token ${token}`, count]),
  );
  expect(Object.fromEntries(consumed)).toEqual(Object.fromEntries(waits));
  for (const [i, { signals }] of program.instructions.entries()) {
    for (const { token, count } of signals) {
      expect(signalled.get(`${i} token ${token}`) ?? 0).toBeLessThanOrEqual(count);
    }
  }
}

describe("flows", () => {
  it("pair every wait of a trained network with signals that came before", () => checkFlows(digits()));

  it("do so where many instructions signal one counter", () => {
    fc.assert(fc.property(counters, (steps) => checkFlows(traced(counting(steps)))));
  });

  it("take the oldest tokens first", () => {
    const load = (signals: number[], waits: number[] = []) => instruction("load", {}, { signals, waits });
    const base = counting([]);
    const program = { ...base, dramBytes: 64, instructions: [load([0]), load([0]), load([], [0]), load([], [0])] };
    const { timeline } = traced(program);
    expect([...tokenFlows(program, timeline)].map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });
});
