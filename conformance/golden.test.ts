import { describe, expect, it } from "vitest";
import { compareWithRecording, GOLDEN_CASES, importCase } from "./support/golden.js";
import { needShared } from "./support/shared.js";

/** All rungs of one case: the faults found, one per line. */
function validateCase(shared: string, name: string): readonly string[] {
  return compareWithRecording(importCase(shared, name));
}

describe("an imported checkpoint computes the spikes of the official code", () => {
  it.for(GOLDEN_CASES)("%s", (name, context) => {
    expect(validateCase(needShared(context), name)).toEqual([]);
  });
});
