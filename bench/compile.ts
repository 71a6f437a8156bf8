/*
 * Compiling a network of full size: seconds and peak memory, with one time block for the whole net and with the search.
 * tsx bench/compile.ts [configuration] [chip], by default STAtten-SDT 8-768 at 224 x 224 on layerwise-large.
 */
import { compileLayerwise, layerwiseCosts } from "../src/backends/layerwise/index.js";
import { programPieces } from "../src/backends/program/index.js";
import { readChip } from "../src/chips/index.js";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { builtInTable, pricesOf } from "../src/energy/index.js";
import { randomModel } from "../src/frontend/random/random-model.js";
import { searchTimeBlocks } from "../src/passes/block-time.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";

const [config = "statten-8-768", chipName = "layerwise-large"] = process.argv.slice(2);
const report = new Report();

/** Seconds of processor time of a step, and the peak memory until its end. */
function measured<T>(what: string, step: () => T | undefined): T {
  const before = process.cpuUsage();
  const result = step();
  const { user, system } = process.cpuUsage(before);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(`${what.padEnd(24)}${((user + system) / 1e6).toFixed(2).padStart(7)} s   peak ${peak.toFixed(0)} MB`);
  if (result === undefined) throw new Error(report.errors.map(renderDiagnostic).join("\n"));
  return result;
}

const chip = measured("chip", () => readChip(chipName, report, "layerwise"));
const net = measured("random import, passes", () => {
  const model = randomModel({ seed: 1, config }, report);
  return model && runPipeline(model.net, parsePipeline("import").steps ?? []).result;
});
const program = measured("compile, one time block", () => compileLayerwise(net, chip, {}, report));
console.log(`  ${program.instructions.length} instructions, ${program.weights.length} bytes of weights`);
measured("encode", () => programPieces(program));
const found = measured("search of time blocks", () => {
  const costs = layerwiseCosts(net, chip, { activity: 0.15, prices: pricesOf(builtInTable(), chip) });
  return searchTimeBlocks(net, costs, { objective: "cycles" }, report);
});
for (const { schedule, cost } of [found.chosen, ...found.uniform]) {
  const blocks = [...new Set(schedule.map(({ block }) => block))].join(", ");
  console.log(
    `  ${schedule.length} groups of B = ${blocks}: ${Math.round(cost.cycles)} cycles, ${cost.dramBytes} DRAM bytes`,
  );
}
measured("compile, that schedule", () => compileLayerwise(net, chip, { schedule: found.chosen.schedule }, report));
