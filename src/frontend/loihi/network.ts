/**
 * Networks of integer neurons as a folder describes them: `config.json` names the tool whose arithmetic holds and lists layers, each with
 * parameters and files of mantissas. Layout: the README beside the recorded cases, "Integer neuron cases".
 */
import { join } from "node:path";
import { z } from "zod";
import { reporting, type Report } from "../../diagnostics/index.js";
import { LOIHI_PROFILES, MAX_TIMESTEPS, type LoihiProfile } from "../../ir/index.js";
import { sameShape, type TensorData } from "../../math/tensor.js";
import { frontendError } from "../diagnostics.js";
import { readPrefix } from "../formats/files.js";
import { readNpy } from "../formats/index.js";
import { loadWeights, SIGN_MODES } from "./weights.js";

const size = z.number().int().min(1).max(65_536);
/** A file beside the description; a description cannot reach into other folders. */
const fileName = z.string().regex(/^[\w-]+\.npy$/, "expected the name of a .npy file in the same folder");

const layerSchema = z.strictObject({
  n_in: size,
  n_out: size,
  weights: fileName,
  weight_exp: z.number().int().min(-7).max(7),
  num_weight_bits: z.number().int().min(1).max(8),
  sign_mode: z.enum(SIGN_MODES),
  decay_u: z.number(),
  decay_v: z.number(),
  vth_mant: z.number(),
  bias_mant: fileName,
  bias_exp: z.number().int().min(-7).max(7),
  refractory: z.number(),
  delay: z.number().int().min(0).max(62),
  vmin: z.number().optional(),
  vmax: z.number().optional(),
});

const networkSchema = z.object({
  name: z.string(),
  tool: z.enum(LOIHI_PROFILES),
  T: z.number().int().min(1).max(MAX_TIMESTEPS),
  layers: z.array(layerSchema).min(1),
});

/** One population and the connection into it. */
export interface NeuronLayer {
  readonly name: string;
  readonly inputs: number;
  readonly neurons: number;
  /** [inputs, neurons], the integers that are added. */
  readonly weights: Int32Array;
  /** Timesteps from a spike to the neurons that it reaches. */
  readonly delay: number;
  /** Effective, per neuron. */
  readonly bias: Int32Array;
  readonly decayU: number;
  readonly decayV: number;
  /** Threshold mantissa. */
  readonly vTh: number;
  readonly refractory: number;
  /** Shift of the summed input; see neuron.loihi. */
  readonly currentShift: number;
  /** Where the tool has such limits. */
  readonly vMin?: number;
  readonly vMax?: number;
}

export interface NeuronNetwork {
  readonly name: string;
  readonly profile: LoihiProfile;
  readonly timesteps: number;
  readonly layers: readonly NeuronLayer[];
}

function fault(message: string, file: string, hint?: string): Error {
  return frontendError("neuron-network", message, { location: { kind: "file", file }, hint });
}

function parseJson(file: string): z.infer<typeof networkSchema> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(readPrefix(file).bytes));
  } catch (error) {
    if (error instanceof SyntaxError) throw fault("the description is not JSON", file);
    throw error;
  }
  const parsed = networkSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw fault(`\`${issue?.path.map(String).join(".") ?? ""}\`: ${issue?.message ?? "malformed"}`, file);
}

/** An array of integers of exactly this shape. */
function readIntegers(file: string, shape: readonly number[], report: Report): TensorData | undefined {
  const tensor = readNpy(readPrefix(file).bytes, file, report);
  if (tensor === undefined) return undefined;
  if (!sameShape(tensor.shape, shape)) {
    throw fault(`the array is [${tensor.shape.join(", ")}], the layer needs [${shape.join(", ")}]`, file);
  }
  if (!["i8", "u8", "i16", "u16", "i32"].includes(tensor.dtype)) {
    throw fault(`the array has elements of type ${tensor.dtype}, mantissas are integers of up to 32 bits`, file);
  }
  return tensor.data;
}

/** [neurons, inputs] as [inputs, neurons]. */
function transposed(weights: Int32Array, inputs: number, neurons: number): Int32Array {
  return Int32Array.from(weights, (_, i) => weights[(i % neurons) * inputs + Math.floor(i / neurons)]!);
}

/**
 * Timesteps from a spike to what it adds to. lava and nengo-loihi deliver in the next timestep; brian2_loihi delivers inputs in their own
 * timestep and spikes of neurons in the next, plus the synapse's delay.
 */
function delayOf(profile: LoihiProfile, index: number, delay: number, file: string): number {
  if (profile === "brian2") return delay + (index === 0 ? 0 : 1);
  if (profile === "loihi" || delay === 0) return 1 + delay;
  const hint = "leave the delay at 0, or use tool = brian2 or loihi";
  throw fault(`layers.${index}: a delay of ${delay} timesteps, but \`${profile}\` has no synaptic delays`, file, hint);
}

/**
 * Reads the description in a folder and what it refers to. Faults: `frontend/neuron-network` for what contradicts the description or
 * its tool, `frontend/cannot-read`, and those of .npy files.
 */
export function readNeuronNetwork(folder: string, report: Report): NeuronNetwork | undefined {
  return reporting(report, () => readLayers(folder, report));
}

function readLayers(folder: string, report: Report): NeuronNetwork | undefined {
  const file = join(folder, "config.json");
  const { name, tool, T, layers: described } = parseJson(file);
  const layers: NeuronLayer[] = [];
  for (const [i, layer] of described.entries()) {
    const { n_in: inputs, n_out: neurons } = layer;
    const before = described[i - 1];
    if (before !== undefined && before.n_out !== inputs) {
      throw fault(`layers.${i} has ${inputs} inputs, the layer before it ${before.n_out} neurons`, file);
    }
    const weightsFile = join(folder, layer.weights);
    const mantissas = readIntegers(weightsFile, [neurons, inputs], report);
    const bias = readIntegers(join(folder, layer.bias_mant), [neurons], report);
    if (mantissas === undefined || bias === undefined) return undefined;
    const format = { bits: layer.num_weight_bits, signMode: layer.sign_mode, exponent: layer.weight_exp };
    const { weights, currentShift } = loadWeights(tool, mantissas, format, weightsFile);
    layers.push({
      name: `layer${i}`,
      inputs,
      neurons,
      weights: transposed(weights, inputs, neurons),
      delay: delayOf(tool, i, layer.delay, file),
      bias: Int32Array.from(bias, (mantissa) => Math.floor(mantissa * 2 ** layer.bias_exp)),
      decayU: layer.decay_u,
      decayV: layer.decay_v,
      vTh: layer.vth_mant,
      refractory: layer.refractory,
      currentShift,
      ...(layer.vmin === undefined ? {} : { vMin: layer.vmin }),
      ...(layer.vmax === undefined ? {} : { vMax: layer.vmax }),
    });
  }
  return { name, profile: tool, timesteps: T, layers };
}
