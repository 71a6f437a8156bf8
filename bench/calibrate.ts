/*
 * Calibrating a random network of full size to its published firing rates: seconds, peak memory, rates reached.
 * tsx bench/calibrate.ts [configuration] [rates] [tolerance]
 */
import { Report } from "../src/diagnostics/index.js";
import { calibrateModel, randomModel } from "../src/frontend/random/random-model.js";
import { readRates } from "../src/frontend/random/rates.js";

const [config = "statten-8-768", table = "statten-8-768", tolerance = "0.02"] = process.argv.slice(2);
const report = new Report();
const start = performance.now();
const model = randomModel({ seed: 1, config }, report);
const rates = readRates(table, report);
if (model === undefined || rates === undefined) throw new Error(report.errors[0]?.message);
const calibrated = calibrateModel(model, rates, { seed: 1, tolerance: Number(tolerance) }, report);
if (calibrated === undefined) console.log("  not reached:");
const show = (list: readonly number[]): string => list.map((rate) => rate.toFixed(4)).join(" ");
for (const { layer, wanted, reached } of calibrated?.calibration.layers ?? [])
  console.log(`  ${layer.padEnd(28)}${show(reached)}${wanted === undefined ? "" : `   wanted ${show(wanted)}`}`);
for (const { message, hint } of report.errors) console.log(`  ${message}; ${hint ?? ""}`);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
const { user, system } = process.cpuUsage();
const processor = ((user + system) / 1e6).toFixed(1);
console.log(
  `${config}: ${seconds} s, ${processor} s of processor time, peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`,
);
