import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { renderDiagnostic } from "../../src/diagnostics/index.js";
import { parseNet, printNet } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";

const FOLDER = "test/files/passes";
const RUN = /^\/\/ RUN: opt -p "([^"]*)"$/m;

/** The net after the pipeline of the `// RUN:` line, then what each pass counted, zeros left out. */
function transformed(file: string): string {
  const source = readFileSync(`${FOLDER}/${file}`, "utf8");
  const { steps = [], diagnostics } = parsePipeline(RUN.exec(source)?.[1] ?? "no RUN line", file);
  const parsed = parseNet(source, file);
  const faults = [...diagnostics, ...parsed.diagnostics].map(renderDiagnostic);
  if (parsed.net === undefined || faults.length > 0) return faults.join("\n");
  const { result, records } = runPipeline(parsed.net, steps);
  const counts = records.map(({ step, counters, layersRemoved }) => {
    const counted = [...counters].filter(([, n]) => n > 0).map(([name, n]) => `${name} ${n}`);
    const removed = layersRemoved.map((name) => `removed layer ${JSON.stringify(name)}`);
    return `// ${step}: ${[...counted, ...removed].join(", ") || "nothing"}`;
  });
  return `${result === undefined ? "" : printNet(result)}${counts.join("\n")}\n`;
}

it.each(readdirSync(FOLDER).filter((name) => name.endsWith(".snn")))("%s", async (file) => {
  await expect(transformed(file)).toMatchFileSnapshot(`../files/passes/${file.replace(".snn", ".expect")}`);
});
