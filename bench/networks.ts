/* The networks of the benches of `event`: built, calibrated and compiled as the command line does. */
import { fileURLToPath } from "node:url";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import type { Program } from "../src/backends/program/index.js";
import { readChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { importModel } from "../src/frontend/import-model.js";
import { noiseInput } from "../src/frontend/random/noise.js";
import { calibrateModel, randomModel } from "../src/frontend/random/random-model.js";
import { readRates, type RateTable } from "../src/frontend/random/rates.js";
import type { Net } from "../src/ir/index.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import type { PortValues } from "../src/sim/layerwise/index.js";
import { found } from "./peers/measure.js";

const SEED = 1;

/** How far the mean rate of a layer may be from the wanted one: most come nearer, small ones behind attention do not. */
const TOLERANCE = 0.1;

/** A net behind the pipeline `import`, its program, and one picture. */
export interface BenchNetwork {
  readonly net: Net;
  readonly program: Program;
  readonly inputs: ReadonlyMap<string, PortValues>;
}

/** The net for a chip; its picture is the noise on which rates are calibrated. */
function compiled(imported: Net, chipName: string, report: Report): BenchNetwork {
  const chip = found(readChip(chipName, report, "layerwise"), report);
  const net = found(runPipeline(imported, parsePipeline("import").steps ?? []).result, report);
  const program = found(compileLayerwise(net, chip, {}, report), report);
  return { net, program, inputs: new Map(net.inputs.map(({ name, type }) => [name, noiseInput(type, SEED)])) };
}

/** The example that comes with spikec. */
export function digits(): BenchNetwork {
  const report = new Report();
  const model = fileURLToPath(new URL("../examples/digits/model.pth", import.meta.url));
  return compiled(found(importModel(model, { arch: "statten" }, report), report).net, "layerwise-default", report);
}

/**
 * A published size with random weights whose layers fire at a rate, or at those of a table as far as the network has its layers:
 * the table of an 8-block network serves one of two blocks for its first two.
 */
export function randomNetwork(config: string, rates: string, chip = "layerwise-default"): BenchNetwork {
  const report = new Report();
  const model = found(randomModel({ seed: SEED, config }, report), report);
  const table = found(readRates(rates, report), report);
  const options = { seed: SEED, tolerance: TOLERANCE };
  const calibrated = calibrateModel(
    model,
    typeof table === "number" ? table : within(table, model.net),
    options,
    report,
  );
  return compiled(found(calibrated, report).net, chip, report);
}

/** The rows of a table whose layers a net has. */
function within(table: RateTable, net: Net): RateTable {
  const names = new Set(net.ops.map((op) => op.layer?.name));
  const rows = Object.entries(table.layers).filter(([key]) => key.split(" + ").every((name) => names.has(name)));
  return { ...table, layers: Object.fromEntries(rows) };
}
