/** Writes NetX files with the HDF5 library, in the ways in which lava-dl's exporters and others write them. */
import * as h5wasm from "h5wasm";
import type { Group } from "h5wasm";
import type { NetxLayer, NetxNetwork, NetxNeuron } from "../../src/frontend/netx/index.js";

/** Liberties that writers take; a reader has to give the same network for all of them. */
export interface NetxStyle {
  /** Weights as float32, as lava-dl writes them, or as 64-bit integers. */
  readonly weights: "float32" | "int64";
  /** Deflate level of weights; 0 for none. */
  readonly compression: number;
  /** The layer's type as a fixed-length string in an array of one, as lava-dl writes it, or a plain string. */
  readonly type: "array" | "scalar";
  /** Convolution weights with a trailing dimension for time. */
  readonly time: boolean;
  /** One number stands for both directions of strides, paddings and dilations. */
  readonly scalars: boolean;
  /** Decays and thresholds once per neuron. */
  readonly repeat: boolean;
}

export const LAVA_STYLE: NetxStyle = {
  weights: "float32",
  compression: 0,
  type: "array",
  time: true,
  scalars: false,
  repeat: false,
};

/** Writes into a fresh HDF5 file and returns its bytes. */
export async function writeHdf5(body: (root: Group) => void): Promise<Uint8Array> {
  const { FS } = await h5wasm.ready;
  const name = "written.h5";
  const file = new h5wasm.File(name, "w");
  try {
    body(file);
  } finally {
    file.close();
  }
  const bytes = FS.readFile(name);
  FS.unlink(name);
  return bytes;
}

export function integers(group: Group, name: string, values: readonly number[], shape?: readonly number[]): void {
  group.create_dataset({ name, data: BigInt64Array.from(values, BigInt), shape: [...(shape ?? [values.length])] });
}

export function integer(group: Group, name: string, value: number): void {
  integers(group, name, [value], []);
}

export function text(group: Group, name: string, value: string, style: NetxStyle["type"] = "array"): void {
  if (style === "array") group.create_dataset({ name, data: [value], shape: [1], dtype: "S10" });
  else group.create_dataset({ name, data: value });
}

function writeNeuron(group: Group, neuron: NetxNeuron, neurons: number, style: NetxStyle): void {
  const inner = group.create_group("neuron");
  inner.create_dataset({ name: "type", data: neuron.type });
  for (const name of ["iDecay", "vDecay", "vThMant"] as const) {
    if (style.repeat) integers(inner, name, Array<number>(neurons).fill(neuron[name]));
    else integer(inner, name, neuron[name]);
  }
  integer(inner, "refDelay", 1);
}

function writeWeights(group: Group, weight: Int32Array, shape: readonly number[], style: NetxStyle): void {
  const data = style.weights === "float32" ? Float32Array.from(weight) : BigInt64Array.from(weight, BigInt);
  const packed = style.compression === 0 ? {} : { chunks: [...shape], compression: style.compression };
  group.create_dataset({ name: "weight", data, shape: [...shape], ...packed });
}

function writeLayer(group: Group, layer: NetxLayer, style: NetxStyle): void {
  text(group, "type", layer.type, style.type);
  integers(group, "shape", layer.shape);
  if (layer.type === "flatten") return;
  if (layer.neuron !== undefined) writeNeuron(group, layer.neuron, layer.shape[0]!, style);
  if (layer.type === "input") {
    if (layer.transform === undefined) return;
    group.create_dataset({ name: "weight", data: Float32Array.of(layer.transform.weight), shape: [1] });
    group.create_dataset({ name: "bias", data: Float32Array.of(layer.transform.bias), shape: [1] });
    return;
  }
  if (layer.bias !== undefined) {
    group.create_dataset({ name: "bias", data: Float32Array.from(layer.bias), shape: [layer.bias.length] });
  }
  if (layer.delay > 0) {
    const delays = new Float32Array(layer.shape[0]!).fill(layer.delay);
    group.create_dataset({ name: "delay", data: delays, shape: [delays.length] });
  }
  if (layer.type === "dense") return writeWeights(group, layer.weight, [layer.outputs, layer.inputs], style);
  const { kernel, outChannels, inChannels, groups } = layer;
  writeWeights(
    group,
    layer.weight,
    [outChannels, inChannels / groups, kernel, kernel, ...(style.time ? [1] : [])],
    style,
  );
  for (const name of ["stride", "padding", "dilation"] as const) {
    if (style.scalars) integer(group, name, layer[name]);
    else integers(group, name, [layer[name], layer[name]]);
  }
  integer(group, "groups", groups);
}

export function writeNetx(network: NetxNetwork, style: NetxStyle = LAVA_STYLE): Promise<Uint8Array> {
  return writeHdf5((root) => {
    const layers = root.create_group("layer");
    for (const layer of network.layers) writeLayer(layers.create_group(String(layer.index)), layer, style);
    if (network.timesteps === undefined) return;
    const simulation = root.create_group("simulation");
    integer(simulation, "Ts", 1);
    integer(simulation, "tSample", network.timesteps);
  });
}
