import { constants } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { jsonPieces } from "../../src/cli/json-pieces.js";
import { runFileSchema } from "../../src/sim/run-file.js";
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
