import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderDiagnostic, Report } from "../../src/diagnostics/index.js";
import { readNpy, writeNpy } from "../../src/frontend/formats/index.js";
import { buildNeuronNet, loadWeights, type NeuronLayer, type NeuronNetwork } from "../../src/frontend/loihi/index.js";
import type { LoihiProfile } from "../../src/ir/index.js";
import { readNeuronCase, type NeuronCase } from "../../src/validate/neuron-case.js";
import { replayNeurons } from "../../src/validate/neuron-replay.js";
import type { StateDifference } from "../../src/validate/neuron-states.js";

/** Recorded cases of integer neurons, and the same cases read with a rule of another tool. */

export const NEURON_CASES = [
  "loihi-lava-1",
  "loihi-lava-2",
  "loihi-nengo-1",
  "loihi-nengo-2",
  "brian2loihi-1",
  "brian2loihi-2",
] as const;
export type NeuronCaseName = (typeof NEURON_CASES)[number];

export function readCase(folder: string): NeuronCase {
  const report = new Report();
  const recorded = readNeuronCase(folder, report);
  if (recorded === undefined || report.failed) throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  return recorded;
}

export const goldenCase = (shared: string, name: NeuronCaseName): NeuronCase => readCase(join(shared, "golden", name));

/** The first difference between a recording and a run of another network on its input. */
export function differenceOf(recorded: NeuronCase, network: NeuronNetwork): StateDifference | undefined {
  return replayNeurons(recorded, buildNeuronNet(network), { forced: false }).first;
}

/** The case as another tool would take its description: without what that tool does not have. */
export function readAs(shared: string, name: NeuronCaseName, tool: LoihiProfile): NeuronCase {
  const folder = mkdtempSync(join(tmpdir(), "spikec-neurons-"));
  try {
    cpSync(join(shared, "golden", name), folder, { recursive: true });
    const file = join(folder, "config.json");
    const config = JSON.parse(readFileSync(file, "utf8")) as { tool: string; layers: Record<string, unknown>[] };
    config.tool = tool;
    for (const layer of config.layers) {
      if (tool === "lava") layer["refractory"] = 1;
      if (tool === "lava" || tool === "nengo") layer["delay"] = 0;
      if (tool === "lava" || tool === "brian2") for (const limit of ["vmin", "vmax"]) delete layer[limit];
      if (tool === "brian2") zeroArray(join(folder, String(layer["bias_mant"])));
    }
    writeFileSync(file, JSON.stringify(config));
    return readCase(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function zeroArray(file: string): void {
  const tensor = readNpy(readFileSync(file), file, new Report());
  if (tensor === undefined) throw new Error(`${file} cannot be read`);
  writeFileSync(file, writeNpy({ dtype: "i32", shape: tensor.shape, data: new Int32Array(tensor.data.length) }));
}

/** A network with some fields of its layers changed. */
export function withLayers(
  { network }: NeuronCase,
  change: (layer: NeuronLayer, index: number) => Partial<NeuronLayer>,
): NeuronNetwork {
  return { ...network, layers: network.layers.map((layer, i) => ({ ...layer, ...change(layer, i) })) };
}

/**
 * The case with the mantissas of one layer rounded as `tool` does, and its exponent applied as the case's own tool does: the low
 * bits are the only rule that changes.
 */
export function withRounding(shared: string, name: NeuronCaseName, layer: number, tool: LoihiProfile): NeuronNetwork {
  const recorded = goldenCase(shared, name);
  const { weight_exp: exponent, num_weight_bits: bits } = configOf(shared, name).layers[layer]!;
  const { weights } = loadWeights(
    tool,
    mantissasOf(shared, name, layer),
    { bits, signMode: "mixed", exponent: 0 },
    name,
  );
  const unit = tool === "lava" ? 1 : 64;
  const own = recorded.network.profile === "lava" ? 1 : 64 * 2 ** exponent;
  const { inputs, neurons } = recorded.network.layers[layer]!;
  const rounded = Int32Array.from(weights, (_, i) => {
    return (weights[(i % neurons) * inputs + Math.floor(i / neurons)]! / unit) * own;
  });
  return withLayers(recorded, (_, i) => (i === layer ? { weights: rounded } : {}));
}

interface Config {
  readonly layers: readonly { readonly weight_exp: number; readonly num_weight_bits: number }[];
}

function configOf(shared: string, name: NeuronCaseName): Config {
  return JSON.parse(readFileSync(join(shared, "golden", name, "config.json"), "utf8")) as Config;
}

/** [neurons, inputs], as handed to the tool. */
export function mantissasOf(shared: string, name: NeuronCaseName, layer: number): ArrayLike<number> {
  const file = join(shared, "golden", name, `w${layer}.npy`);
  const tensor = readNpy(readFileSync(file), file, new Report());
  if (tensor === undefined) throw new Error(`${file} cannot be read`);
  return tensor.data;
}
