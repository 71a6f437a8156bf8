/*
 * Time blocks side by side, expected and simulated: cycles, DRAM traffic, energy. The tables of docs/temporal-scheduling.md.
 * tsx bench/schedule.ts [digits | cifar | dvs], by default digits.
 */
import { fileURLToPath } from "node:url";
import { compileLayerwise, LayerwiseCosts, measuredActivity } from "../src/backends/layerwise/index.js";
import { readChip } from "../src/chips/index.js";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { builtInTable, estimateEnergy, pricesOf } from "../src/energy/index.js";
import { importModel } from "../src/frontend/import-model.js";
import { sampleFor } from "../src/frontend/inputs/channels-last.js";
import { readInputs } from "../src/frontend/inputs/index.js";
import { noiseInput } from "../src/frontend/random/noise.js";
import { calibrateModel, randomModel } from "../src/frontend/random/random-model.js";
import { netTimesteps, type Net } from "../src/ir/index.js";
import { searchTimeBlocks } from "../src/passes/block-time.js";
import type { Schedule } from "../src/passes/cost-model.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { createStepped } from "../src/sim/layerwise/index.js";
import { RunTotals } from "../src/sim/run-file.js";

const report = new Report();
const table = builtInTable();
const example = (name: string): string => fileURLToPath(new URL(`../examples/digits/${name}`, import.meta.url));

type Settings = Readonly<Record<string, number | string>>;
type Inputs = ReadonlyMap<string, Float32Array | Int32Array>;

function found<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new Error(report.errors.map(renderDiagnostic).join("\n"));
}

const imported = (net: Net): Net => found(runPipeline(net, found(parsePipeline("import").steps)).result);

const overridesOf = (settings: Settings) => new Map(Object.entries(settings).map(([name, v]) => [name, String(v)]));

function digits(settings: Settings): { readonly net: Net; readonly inputs: Inputs } {
  const { net } = found(
    importModel(example("model.pth"), { arch: "statten", overrides: overridesOf(settings) }, report),
  );
  const { data } = found(readInputs(example("test-images.npy"), report));
  const inputs = net.inputs.map(({ name, type }) => {
    return [name, sampleFor({ name, slots: type.time.count, shape: type.shape }, data, 0)] as const;
  });
  return { net: imported(net), inputs: new Map(inputs) };
}

/** A published size whose neurons behind batch norms fire in 15 % of their timesteps on noise. */
function published(config: string, settings: Settings): { readonly net: Net; readonly inputs: Inputs } {
  const model = found(randomModel({ seed: 1, config, overrides: overridesOf(settings) }, report));
  const input = model.net.inputs[0]!;
  const noise = noiseInput(input.type, 1);
  const { net } = found(calibrateModel(model, 0.15, { seed: 1, input: noise }, report));
  return { net: imported(net), inputs: new Map([[input.name, noise]]) };
}

const number = (n: number): string => Math.round(n).toLocaleString("en-US");

/** One line per schedule: the whole net with each time block, then the one that the search chooses. */
function compare(
  name: string,
  { net, inputs }: { net: Net; inputs: Inputs },
  chipName: string,
  blocks: number[],
): void {
  const chip = found(readChip(chipName, report, "layerwise"));
  const costs = new LayerwiseCosts(net, chip, measuredActivity(net, [inputs]), pricesOf(table, chip));
  console.log(`\n${name} on ${chipName}, ${netTimesteps(net)} timesteps`);
  console.log(
    "| schedule | expected cycles | cycles | DRAM bytes | energy, µJ | of it DRAM |\n|---|---|---|---|---|---|",
  );
  const line = (what: string, schedule: Schedule): void => {
    const program = compileLayerwise(net, chip, { schedule }, report);
    if (program === undefined) return console.log(`| ${what} | ${report.errors.at(-1)?.message} |`);
    const result = createStepped(program).run(inputs);
    const totals = new RunTotals(program);
    totals.add(result, { name: "0", label: undefined });
    const energy = estimateEnergy(totals.finish(), table).totals;
    const bytes = result.layers.reduce((sum, layer) => sum + layer.dramReadBytes + layer.dramWriteBytes, 0);
    const expected = found(costs.total(schedule)).cycles;
    const joules = [energy.all, energy.dram].map((j) => (j * 1e6).toFixed(1));
    console.log(
      `| ${what} | ${number(expected)} | ${number(result.cycles)} | ${number(bytes)} | ${joules.join(" | ")} |`,
    );
  };
  for (const block of blocks) line(`B = ${block}`, [{ from: 0, to: net.ops.length, block }]);
  const start = process.cpuUsage();
  const { chosen } = found(searchTimeBlocks(net, costs, { objective: "cycles" }, report));
  const seconds = process.cpuUsage(start).user / 1e6;
  line(`auto: ${chosen.schedule.map(({ block }) => block).join(", ")}`, chosen.schedule);
  console.log(`search: ${seconds.toFixed(1)} s of processor time`);
}

switch (process.argv[2] ?? "digits") {
  case "digits":
    for (const chip of ["layerwise-small", "layerwise-default"]) {
      compare("digits, attention per timestep (chunk 1)", digits({ chunk: 1 }), chip, [1, 2, 4]);
      compare("digits, chunk 2", digits({ chunk: 2 }), chip, [2, 4]);
    }
    compare("digits, chunk 2", digits({ chunk: 2, timesteps: 8 }), "layerwise-small", [2, 4, 8]);
    compare("digits, chunk 2", digits({ chunk: 2, timesteps: 16 }), "layerwise-default", [2, 4, 8, 16]);
    break;
  case "cifar":
    compare("STAtten 2-256, chunk 1", published("statten-cifar10-2-256", { chunk: 1 }), "layerwise-default", [1, 2, 4]);
    compare("STAtten 2-256, chunk 2", published("statten-cifar10-2-256", { chunk: 2 }), "layerwise-default", [2, 4]);
    break;
  case "dvs":
    compare("STAtten DVS 2-256, chunk 4", published("statten-cifar10dvs-2-256", {}), "layerwise-default", [4, 8, 16]);
    break;
  default:
    throw new Error("digits, cifar or dvs");
}
