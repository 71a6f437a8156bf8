import { describe, expect, it } from "vitest";
import { ENGINES } from "../../src/backends/program/instruction.js";
import { bottleneck } from "../../src/report/bottleneck.js";
import { ENGINE_STATES, type EngineState } from "../../src/sim/layerwise/index.js";

type States = Partial<Record<EngineState, number>>;

function run(cycles: number, given: Partial<Record<(typeof ENGINES)[number], States>>) {
  const zero = Object.fromEntries(ENGINE_STATES.map((state) => [state, 0])) as Record<EngineState, number>;
  const engines = Object.fromEntries(ENGINES.map((engine) => [engine, { ...zero, ...given[engine] }]));
  return { cycles, engines: engines as Record<(typeof ENGINES)[number], typeof zero> };
}

describe("the bottleneck", () => {
  it("is the engine that holds instructions longest, and what it mostly does with them", () => {
    const states = { load: { busy: 10, dram: 60, idle: 30 }, accumulate: { busy: 65, token: 35 } };
    expect(bottleneck(run(100, states))).toEqual({ engine: "load", occupied: 0.7, state: "dram", share: 0.6 });
    const other = { load: { busy: 10, dram: 54, idle: 36 }, accumulate: { busy: 40, port: 25, token: 35 } };
    expect(bottleneck(run(100, other))).toEqual({ engine: "accumulate", occupied: 0.65, state: "busy", share: 0.4 });
  });

  it("is no engine that only waits for others", () => {
    const states = { fire: { busy: 2, token: 90, queue: 5 }, attend: { busy: 1, port: 2, idle: 97 } };
    expect(bottleneck(run(100, states))).toMatchObject({ engine: "attend", state: "port" });
  });
});
