import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { documentPasses } from "../../src/passes/document.js";
import { PASSES, PIPELINES } from "../../src/passes/index.js";

it("docs/passes.md is current (npm run docs)", () => {
  expect(readFileSync("docs/passes.md", "utf8")).toBe(documentPasses(PASSES, PIPELINES));
});
