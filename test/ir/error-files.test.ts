import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderDiagnostic } from "../../src/diagnostics/index.js";
import { parseNet } from "../../src/ir/index.js";
import { describeDiagnostics, readErrorCases } from "../support/error-files.js";

const FOLDER = "test/files/ir";
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith("-errors.snn"));

describe.each(FILES)("%s", (file) => {
  const cases = readErrorCases(`${FOLDER}/${file}`);

  it.each(cases)("$name gives the diagnostics on its lines", ({ text, expected }) => {
    const { net, diagnostics } = parseNet(text, file);
    expect(describeDiagnostics(diagnostics)).toEqual(expected);
    expect(net === undefined).toBe(expected.length > 0);
  });

  it("is rendered as recorded", async () => {
    const rendered = cases.map(({ text }) => parseNet(text, file).diagnostics.map(renderDiagnostic).join("\n"));
    await expect(`${rendered.join("\n// -----\n")}\n`).toMatchFileSnapshot(
      `../files/ir/${file.replace(".snn", ".expect")}`,
    );
  });
});
