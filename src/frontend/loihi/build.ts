import { everyStep, NetBuilder, realTensor, SPIKE, type AttrValue, type Net, type Weights } from "../../ir/index.js";
import type { NeuronLayer, NeuronNetwork } from "./network.js";

/** Integer weights as they are added: the grid of exponent 0, biases belong to the neurons. */
function integerWeights({ inputs, neurons, weights }: NeuronLayer): Weights {
  return {
    kind: "weights",
    shape: [inputs, neurons],
    mantissa: weights,
    exponent: new Int32Array(neurons),
    bias: new Float64Array(neurons),
  };
}

/**
 * The net of a network of integer neurons: input `x` [timesteps, inputs] of spikes, one output per layer, named as the layer. Delays are ops.
 * Throws the diagnostic of an op whose parameters the tool or its registers cannot have.
 */
export function buildNeuronNet(network: NeuronNetwork): Net {
  const builder = new NetBuilder(network.name.replaceAll(/[^\w.-]/g, "_"));
  const inputs = network.layers[0]?.inputs ?? 0;
  let spikes = builder.input("x", { number: SPIKE, time: everyStep(network.timesteps), shape: [inputs] });
  for (const layer of network.layers) {
    const { name } = layer;
    if (layer.delay > 0) {
      spikes = builder.op("delay", [spikes], { attrs: { timesteps: layer.delay }, result: `${name}.arriving` });
    }
    builder.constant(`${name}.weight`, integerWeights(layer));
    const current = builder.op("synapse.dense", [spikes], {
      symbols: [`${name}.weight`],
      attrs: { result: "int" },
      result: `${name}.current`,
    });
    const attrs: Record<string, AttrValue> = {
      profile: network.profile,
      decay_u: layer.decayU,
      decay_v: layer.decayV,
      v_th: layer.vTh,
      refractory: layer.refractory,
      current_shift: layer.currentShift,
    };
    if (layer.bias.some((bias) => bias !== 0)) {
      builder.constant(`${name}.bias`, realTensor([layer.neurons], Float32Array.from(layer.bias)));
      attrs["bias"] = { symbol: `${name}.bias` };
    }
    if (layer.vMin !== undefined) attrs["v_min"] = layer.vMin;
    if (layer.vMax !== undefined) attrs["v_max"] = layer.vMax;
    spikes = builder.op("neuron.loihi", [current], { attrs, result: `${name}.spikes`, layer: name });
    builder.output(name, spikes);
  }
  return builder.finish();
}
