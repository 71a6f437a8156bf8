import { describe, expect, it } from "vitest";
import { createEvent, createStepped } from "../../src/sim/layerwise/index.js";
import { compareRuns, firstDifference } from "../../src/validate/simulators.js";
import { instruction, serialProgram } from "../sim/support.js";

const program = serialProgram({
  instructions: [instruction("add", { a: 0, b: 8, words: 4, output: 16 })],
  read: [{ memory: "data", address: 16, words: 4 }],
});

describe("comparing runs", () => {
  const recorded = { input: { dtype: "f32", shape: [1, 1], data: new Float32Array(1) } } as const;
  const expected = createStepped(program).run(new Map());

  it("finds no difference between event and stepped", () => {
    expect(compareRuns(createEvent(program), program, recorded, [expected])).toBeUndefined();
  });

  it("names what differs first", () => {
    const machine = createEvent(program);
    const differing = (change: object): string | undefined =>
      compareRuns(machine, program, recorded, [{ ...expected, ...change }]);
    const { store } = expected.engines;
    expect(differing({ cycles: 1 })).toBe(`sample 0.cycles: ${expected.cycles} instead of 1`);
    expect(differing({ engines: { ...expected.engines, store: { ...store, busy: 0 } } })).toBe(
      `sample 0.engines.store.busy: ${store.busy} instead of 0`,
    );
    expect(differing({ outputs: new Map([["read0", new Int32Array(3)]]) })).toMatch(
      /^sample 0\.outputs\.read0: \d+ values/,
    );
  });

  it("tells -0 from 0, and missing entries", () => {
    expect(firstDifference(new Float32Array([0, -0]), new Float32Array([0, 0]), "x")).toBe("x[1]: 0 instead of 0");
    expect(firstDifference({ a: 1 }, { b: 1 }, "x")).toBe("x: a instead of b");
    expect(firstDifference(new Map(), new Map([["a", 1]]), "x")).toBe("x: 0 entries instead of 1");
    expect(firstDifference(undefined, new Map(), "x")).toBe("x: undefined instead of [object Map]");
    expect(firstDifference([1, { y: NaN }], [1, { y: NaN }], "x")).toBeUndefined();
  });
});
