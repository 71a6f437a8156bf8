import { elements } from "../../math/tensor.js";
import type { Hdf5Reader } from "../formats/hdf5.js";
import { netxError } from "./diagnostics.js";
import { Fields } from "./fields.js";
import {
  LAYER_TYPES,
  type NetxConv,
  type NetxDense,
  type NetxInput,
  type NetxLayer,
  type NetxNetwork,
  type NetxNeuron,
} from "./network.js";

/** Far above any network, far below what would exhaust memory. */
const MAX_LAYERS = 4096;
const MAX_SIDE = 65_536;
const MAX_TIMESTEPS = 65_536;
/** Threshold register: 17 bits. */
const MAX_THRESHOLD = 2 ** 17 - 1;
/** lava holds bias mantissas in 13 bits, sign included (proc/lif/models.py, `bias_mant`). */
export const BIAS_RANGE = { lo: -4096, hi: 4095 } as const;
/** Delays that a synapse of the chip can have. */
const MAX_DELAY = 62;

/**
 * The neuron of a layer. Field names are those of `device_params` in lava-dl's `slayer.neuron.cuba`; `wgtExp`, `gradedSpike` and
 * `messageBits` have to say what a CUBA neuron with spikes of one bit says, other fields (`theta`, `tauRho`, …) served training.
 */
function readNeuron(fields: Fields): NetxNeuron {
  const type = fields.text("type");
  if (type !== "CUBA" && type !== "LOIHI") {
    const message = `${fields.path.replace("/neuron", "")}: the neuron is \`${type}\`, imported are CUBA and LOIHI`;
    throw fields.fault("unsupported-neuron", message, "type", "train the network with CUBA neurons");
  }
  const plain: readonly [string, number, string][] = [
    ["refDelay", 1, "lava's integer neuron has no refractory period"],
    ["wgtExp", 0, "lava-dl's weights are written with their exponent"],
    ["gradedSpike", 0, "spikes have one bit"],
    ["messageBits", 0, "spikes have one bit"],
  ];
  for (const [name, only, why] of plain) {
    const value = fields.has(name) ? fields.real(name) : only;
    if (value === only) continue;
    throw fields.fault("unsupported-neuron", `\`${name}\` is ${value}, imported is ${only}: ${why}`, name);
  }
  return {
    type,
    iDecay: fields.integer("iDecay", 1, 4096),
    vDecay: fields.integer("vDecay", 0, 4095),
    vThMant: fields.integer("vThMant", 0, MAX_THRESHOLD),
  };
}

function needNeuron(fields: Fields): NetxNeuron {
  const neuron = fields.group("neuron");
  if (neuron === undefined) {
    throw fields.fault("unsupported-neuron", `${fields.path} has no neuron, so nothing turns its currents into spikes`);
  }
  return readNeuron(neuron);
}

function readInput(fields: Fields, index: number): NetxInput {
  const neuron = fields.group("neuron");
  const hasTransform = fields.has("weight") || fields.has("bias");
  return {
    type: "input",
    index,
    shape: fields.integers("shape", 3, 1, MAX_SIDE),
    neuron: neuron === undefined ? undefined : readNeuron(neuron),
    transform: hasTransform
      ? { weight: fields.has("weight") ? fields.real("weight") : 1, bias: fields.has("bias") ? fields.real("bias") : 0 }
      : undefined,
  };
}

/** One bias per output channel; a single one stands for all. */
function readBias(fields: Fields, channels: number): Float64Array | undefined {
  if (!fields.has("bias")) return undefined;
  const bias = fields.vector("bias", BIAS_RANGE.lo, BIAS_RANGE.hi);
  if (bias.length === channels) return bias;
  if (bias.length === 1) return new Float64Array(channels).fill(bias[0]!);
  throw fields.fault("shape", `${bias.length} biases for ${channels} output channels`, "bias");
}

/** lava-dl holds back the spikes of a layer's neurons (`slayer.axon.Delay`, behind the neuron). */
function readDelay(fields: Fields): number {
  if (!fields.has("delay")) return 0;
  const delays = fields.vector("delay", 0, MAX_DELAY);
  const first = delays[0] ?? 0;
  const other = delays.find((delay) => delay !== first);
  if (other === undefined) return first;
  const message = `neurons of ${fields.path} have different delays (${first} and ${other}), imported is one delay per layer`;
  throw fields.fault("unsupported-layer", message, "delay");
}

function readDense(fields: Fields, index: number): NetxDense {
  const shape = fields.integers("shape", 3, 1, MAX_SIDE ** 2);
  const outputs = elements(shape);
  const { shape: stored, data: weight } = fields.weights("weight");
  const inputs = weight.length / outputs;
  const fits = stored.length === 1 || (stored[0] === outputs && stored.slice(2).every((size) => size === 1));
  if (!fits || !Number.isInteger(inputs) || inputs === 0) {
    const message = `weights are ${stored.join("x")}, ${outputs} outputs need ${outputs} rows`;
    throw fields.fault("shape", message, "weight");
  }
  return {
    type: "dense",
    index,
    shape: [outputs],
    inputs,
    outputs,
    neuron: needNeuron(fields),
    weight,
    bias: readBias(fields, outputs),
    delay: readDelay(fields),
  };
}

function readConv(fields: Fields, index: number): NetxConv {
  const shape = fields.integers("shape", 3, 1, MAX_SIDE);
  const { shape: stored, data: weight } = fields.weights("weight");
  const groups = fields.optional("groups", 1, 1, MAX_SIDE);
  // Weights end in a dimension for time.
  const [outChannels = 0, perGroup = 0, kernel = 0, width = 0, time = 1] = stored;
  if (stored.length < 4 || stored.length > 5 || time !== 1 || weight.length === 0) {
    throw fields.fault("shape", `weights are ${stored.join("x")}, expected out x in x height x width (x 1)`, "weight");
  }
  if (kernel !== width) {
    throw fields.fault("unsupported-layer", `the kernel is ${kernel}x${width}, imported are square ones`, "weight");
  }
  if (shape.length !== 3 || shape[0] !== outChannels || outChannels % groups !== 0) {
    const message = `weights are ${stored.join("x")} in ${groups} groups, the layer's shape is ${shape.join("x")} (channels first)`;
    throw fields.fault("shape", message, "weight");
  }
  return {
    type: "conv",
    index,
    shape,
    inChannels: perGroup * groups,
    outChannels,
    kernel,
    stride: fields.square("stride", 1, 1, MAX_SIDE),
    padding: fields.square("padding", 0, 0, MAX_SIDE),
    dilation: fields.square("dilation", 1, 1, MAX_SIDE),
    groups,
    neuron: needNeuron(fields),
    weight,
    bias: readBias(fields, outChannels),
    delay: readDelay(fields),
  };
}

function readLayer(fields: Fields, index: number): NetxLayer {
  const type = fields.text("type");
  switch (type) {
    case "input":
      return readInput(fields, index);
    case "dense":
      return readDense(fields, index);
    case "conv":
      return readConv(fields, index);
    case "flatten":
      return { type, index, shape: fields.has("shape") ? fields.integers("shape", 3, 1, MAX_SIDE ** 2) : [] };
    default: {
      const message = `layer ${index} is \`${type}\`, imported are ${LAYER_TYPES.join(", ")}`;
      throw fields.fault(
        "unsupported-layer",
        message,
        "type",
        "lava's own reader imports the same types; express it as a conv",
      );
    }
  }
}

function readTimesteps(reader: Hdf5Reader, file: string): number | undefined {
  const simulation = new Fields(reader, file, "/simulation");
  if (!simulation.has("tSample")) return undefined;
  const duration = simulation.real("tSample");
  const step = simulation.has("Ts") ? simulation.real("Ts") : 1;
  const timesteps = Math.ceil(duration / step);
  if (timesteps >= 1 && timesteps <= MAX_TIMESTEPS) return timesteps;
  throw simulation.fault(
    "field",
    `\`tSample\` is ${duration} in steps of ${step}: not 1 to ${MAX_TIMESTEPS} timesteps`,
    "tSample",
  );
}

/** Reads an open NetX file. Throws `netx/…` and `frontend/…` errors that name the file and the field. */
export function readNetwork(reader: Hdf5Reader, file: string): NetxNetwork {
  const members = reader.members("/layer");
  const count = members?.length ?? 0;
  const expected = Array.from({ length: Math.min(count, MAX_LAYERS) }, (_, i) => String(i));
  const missing = expected.find((name) => !members?.includes(name));
  if (count === 0 || count > MAX_LAYERS || missing !== undefined) {
    const what =
      count === 0 ? "no group `/layer` with layers" : missing === undefined ? `${count} layers` : `no layer ${missing}`;
    throw netxError("not-netx", `the HDF5 file has ${what}, so it is no NetX network`, {
      location: { kind: "file", file },
      hint: "NetX files hold /layer/0, /layer/1, … as lava-dl's `export_hdf5` writes them",
    });
  }
  return {
    layers: expected.map((name, index) => readLayer(new Fields(reader, file, `/layer/${name}`), index)),
    timesteps: readTimesteps(reader, file),
  };
}
