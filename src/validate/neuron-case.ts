import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticError, reporting, type Report } from "../diagnostics/index.js";
import { readNpy, readNpz } from "../frontend/formats/index.js";
import { buildNeuronNet, readNeuronNetwork, type NeuronNetwork } from "../frontend/loihi/index.js";
import { verifyNet, type Net } from "../ir/index.js";
import { sameShape, type Tensor } from "../math/tensor.js";
import { validateDiagnostics } from "./diagnostics.js";
import { CASE_HINT } from "./recorded-case.js";

/** A recorded case of integer neurons: a network, input spikes, and every u, v and spike that a tool computed for them. */

/** What one layer was recorded with, each [timesteps, neurons], at the end of each timestep. */
export interface RecordedNeurons {
  readonly u: ArrayLike<number>;
  readonly v: ArrayLike<number>;
  readonly spikes: ArrayLike<number>;
}

export interface NeuronCase {
  readonly network: NeuronNetwork;
  readonly net: Net;
  /** [timesteps, inputs], 0 or 1. */
  readonly input: ArrayLike<number>;
  /** In the order of the network's layers. */
  readonly layers: readonly RecordedNeurons[];
}

/** Whether the folder describes integer neurons, by the `tool` of its config.json; a file that cannot be read does not. */
export function isNeuronCase(folder: string): boolean {
  const file = join(folder, "config.json");
  if (!existsSync(file)) return false;
  try {
    const json: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof json === "object" && json !== null && "tool" in json && "layers" in json;
  } catch {
    return false;
  }
}

function fault(code: "bad-case" | "not-a-case", message: string, file: string): DiagnosticError {
  const hint = code === "not-a-case" ? { hint: CASE_HINT } : {};
  return new DiagnosticError(validateDiagnostics.make(code, message, { location: { kind: "file", file }, ...hint }));
}

/** The recorded arrays of a layer, of the shape and the values that they have to have. */
function layerOf(
  arrays: ReadonlyMap<string, Tensor>,
  index: number,
  shape: readonly number[],
  file: string,
): RecordedNeurons {
  const [u, v, spikes] = ["u", "v", "s"].map((state) => {
    const name = `${state}${index}`;
    const tensor = arrays.get(name);
    if (tensor === undefined) throw fault("bad-case", `no array \`${name}\``, file);
    if (!sameShape(tensor.shape, shape)) {
      const message = `\`${name}\` is [${tensor.shape.join(", ")}], the layer needs [${shape.join(", ")}]`;
      throw fault("bad-case", message, file);
    }
    return tensor.data;
  });
  return { u: u!, v: v!, spikes: spikes! };
}

/** Reads a case folder: config.json and the arrays that it names, input.npy, expect.npz with u, v and s of each layer. */
export function readNeuronCase(folder: string, report: Report): NeuronCase | undefined {
  return reporting(report, () => {
    for (const name of ["input.npy", "expect.npz"]) {
      if (!existsSync(join(folder, name))) throw fault("not-a-case", `no \`${name}\` in ${folder}`, folder);
    }
    const network = readNeuronNetwork(folder, report);
    if (network === undefined) return undefined;
    const [inputFile, expectFile] = [join(folder, "input.npy"), join(folder, "expect.npz")];
    const input = readNpy(readFileSync(inputFile), inputFile, report);
    const arrays = readNpz(readFileSync(expectFile), expectFile, report);
    if (input === undefined || arrays === undefined) return undefined;
    const { timesteps } = network;
    const wanted = [timesteps, network.layers[0]?.inputs ?? 0];
    if (!sameShape(input.shape, wanted)) {
      const message = `the input is [${input.shape.join(", ")}], the network needs [${wanted.join(", ")}]`;
      throw fault("bad-case", message, inputFile);
    }
    const layers = network.layers.map(({ neurons }, i) => layerOf(arrays, i, [timesteps, neurons], expectFile));
    const net = buildNeuronNet(network);
    for (const diagnostic of verifyNet(net)) report.add(diagnostic);
    return { network, net, input: input.data, layers };
  });
}
