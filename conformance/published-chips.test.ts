import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { netInputs } from "../src/validate/replay.js";
import { GOLDEN_CASES, importCase } from "./support/golden.js";
import { needShared, ROOT } from "./support/shared.js";

/** Which recorded cases, in integers of 8 bits, fit which published chip: the table of docs/chips.md. */
const CHIPS = ["loas", "sata", "c-dnn", "prosperity"] as const;

/** `yes`, or the memories of the chip that are too small for a tile of the net. */
function fits(net: Parameters<typeof compileLayerwise>[0], name: string): string {
  const report = new Report();
  const chip = readChip(name, report, "layerwise");
  const program = chip === undefined ? undefined : compileLayerwise(net, chip, {}, report);
  if (program !== undefined) return "yes";
  const reasons = report.errors.map(({ code, hint }) => {
    const memory = /`memories\.(\w+)\.bytes`/.exec(hint ?? "")?.[1];
    return code === "layerwise/does-not-fit" && memory !== undefined ? `${memory} memory` : code;
  });
  return [...new Set(reasons)].join(", ");
}

it("docs/chips.md says which recorded cases fit which chip", (context) => {
  const shared = needShared(context);
  const rows = GOLDEN_CASES.map((name) => {
    const { net, recorded } = importCase(shared, name);
    const samples = Array.from({ length: recorded.samples }, (_, i) => netInputs(net, recorded.input, i));
    const { result } = runPipeline(net, parsePipeline("quantized").steps ?? [], { calibration: { samples } });
    if (result === undefined) throw new Error(`${name}: the quantized pipeline failed`);
    return [`\`${name}\``, ...CHIPS.map((chip) => fits(result, chip))];
  });
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const head = [line(["case", ...CHIPS.map((chip) => `\`${chip}\``)]), line(Array(CHIPS.length + 1).fill("---"))];
  const table = [...head, ...rows.map(line)].join("\n");
  process.stderr.write(`\n${table}\n`);
  const page = readFileSync(join(ROOT, "docs", "chips.md"), "utf8");
  expect([table].filter((text) => !page.includes(text))).toEqual([]);
});
