import { constants } from "node:buffer";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { jsonPieces } from "../../src/cli/json-pieces.js";
import { RunTotals, runFileSchema } from "../../src/sim/run-file.js";
import { spikec } from "../support/command-line.js";
import { digitsPath } from "../support/digits.js";

let folder = "";
const at = (name: string): string => join(folder, name);
const INPUT = ["--input", digitsPath("test-images.npy"), "--limit", "3"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "spikec-runs-"));
  await spikec("compile", digitsPath("model.pth"), "--arch", "statten", "-o", at("digits.spk"));
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("JSON in pieces", () => {
  it("is the text of JSON.stringify", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect([...jsonPieces(value)].join("")).toBe(JSON.stringify(value));
      }),
    );
    const gaps = { a: undefined, b: [1, undefined, { c: undefined }], d: {} };
    expect([...jsonPieces(gaps)].join("")).toBe(JSON.stringify(gaps));
  });

  it("cuts long arrays, so that no piece grows with the data", () => {
    const long = { values: Array.from({ length: 200_000 }, (_, i) => i) };
    const pieces = [...jsonPieces(long)];
    expect(pieces.join("")).toBe(JSON.stringify(long));
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(JSON.stringify(long).length / 2);
  });
});

describe("a run file", () => {
  it("is written and printed without ever being one text", async () => {
    const stringify = vi.spyOn(JSON, "stringify");
    const done = await spikec("simulate", at("digits.spk"), ...INPUT, "--record", "-o", at("run.json"), "--json");
    const longest = Math.max(...stringify.mock.results.map(({ value }) => String(value).length));
    expect(done.code).toBe(0);
    expect(readFileSync(at("run.json"), "utf8")).toBe(done.out);
    // Each layer's spikes are a piece of their own; the whole is many of them.
    expect(longest).toBeLessThan(done.out.length / 3);
    expect(runFileSchema.parse(JSON.parse(done.out)).samples).toHaveLength(3);
  });

  it("holds all samples where only the trace cannot be written", async () => {
    mkdirSync(at("folder.trace"));
    const outputs = ["--trace", at("folder.trace"), "-o", at("traced.json")];
    const done = await spikec("simulate", at("digits.spk"), ...INPUT, ...outputs);
    expect(done.code).toBe(1);
    expect(done.err).toContain("error[cli/cannot-write]");
    expect(done.err).not.toContain("in sample");
    const run = runFileSchema.parse(JSON.parse(readFileSync(at("traced.json"), "utf8")));
    expect(run.samples).toHaveLength(3);
    expect(run.stopped).toBeUndefined();
  });

  it("that fits no text is refused with a reason, before it is read", async () => {
    writeFileSync(at("huge.json"), "{");
    truncateSync(at("huge.json"), constants.MAX_STRING_LENGTH + 1);
    const done = await spikec("energy", at("huge.json"));
    expect(done).toMatchObject({ code: 1, out: "" });
    expect(done.err).toContain("error[cli/run-file]");
    expect(done.err).toContain(`${(constants.MAX_STRING_LENGTH + 1).toLocaleString("en-US")} bytes`);
    expect(done.err).toContain("--limit");
  });
});

describe("a bug of spikec in a later sample", () => {
  /** Sums the first sample, and fails in the second. */
  function failSecond(): void {
    const { add } = RunTotals.prototype;
    let calls = 0;
    vi.spyOn(RunTotals.prototype, "add").mockImplementation(function (this: RunTotals, ...args) {
      if (++calls === 2) throw new Error("a bug for this test");
      return add.apply(this, args);
    });
  }

  it("does not take the samples before it, and is still a bug", async () => {
    failSecond();
    const done = await spikec("simulate", at("digits.spk"), ...INPUT, "-o", at("bug.json"));
    expect(done.code).toBe(70);
    expect(done.err).toContain("1 of 3 samples had finished, they are kept in");
    expect(done.err).toContain("a bug for this test");
    expect(done.err).toContain("Please report it");
    const run = runFileSchema.parse(JSON.parse(readFileSync(at("bug.json"), "utf8")));
    expect(run.samples).toHaveLength(1);
    expect(run.stopped).toMatchObject({ asked: 3, why: expect.stringContaining("in sample 2 of 3") as string });
  });

  it("leaves the chips that `compare` has measured", async () => {
    failSecond();
    const model = [digitsPath("model.pth"), "--arch", "statten", ...INPUT.slice(0, 2), "--limit", "1"];
    const done = await spikec("compare", ...model, "--vary", "lanes=32,64,128", "--csv", at("bug.csv"));
    expect(done.code).toBe(70);
    const rows = readFileSync(at("bug.csv"), "utf8").trimEnd().split("\n");
    expect(rows[1]).toMatch(/^layerwise-default lanes=32,32,1,\d+/);
    expect(rows[2]).toContain("a bug for this test");
    expect(done.out).toMatch(/^layerwise-default lanes=32 +[\d,]+ /m);
  });
});
