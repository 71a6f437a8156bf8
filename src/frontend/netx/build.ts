import type { Report } from "../../diagnostics/index.js";
import {
  everyStep,
  int,
  NetBuilder,
  realTensor,
  SPIKE,
  type AttrValue,
  type Net,
  type Weights,
} from "../../ir/index.js";
import { elements } from "../../math/tensor.js";
import { netxDiagnostics, netxError } from "./diagnostics.js";
import type { NetxConv, NetxDense, NetxInput, NetxLayer, NetxNetwork, NetxNeuron } from "./network.js";
import { BIAS_RANGE } from "./read.js";
import type { NetxSettings } from "./settings.js";

/** A unit of a weight or bias mantissa counts 2^6 in potentials and thresholds (lava, proc/lif/models.py: act_shift, vth_shift). */
const ALIGNMENT_BITS = 6;
/** Weights that a convolution may have once its groups and its dilation are written out as zeros. */
const MAX_EXPANDED = 2 ** 26;

/** Where the chain of layers has got to. */
interface Reached {
  readonly value: string;
  /** [H, W, C] or [N]. */
  readonly shape: readonly number[];
  /** A map that the next dense layer reads in channels-first order. */
  readonly flattened: boolean;
}

/** [C, H, W] to [H, W, C]; [H, W] is one channel; vectors stay. */
function channelsLast(shape: readonly number[]): readonly number[] {
  if (shape.length === 2) return [...shape, 1];
  const [c, ...map] = shape;
  return shape.length === 3 ? [...map, c!] : shape;
}

/**
 * Builds the net of a NetX network, whose layers are named `layer.0`, `layer.1`, … as in the file.
 *
 * A layer's spikes reach the next layer in the same timestep. lava needs a timestep per connection and its recordings a first one in
 * which nothing happens: recorded spikes of layer n are late by a number of timesteps that is the same for all of them.
 *
 * Input `input`: spikes, or where the file's input layer has neurons, the bias mantissas of those neurons, once per timestep.
 */
class NetxBuilder {
  private readonly net = new NetBuilder("net");

  constructor(
    private readonly file: string,
    private readonly settings: NetxSettings,
    private readonly report: Report,
  ) {}

  build({ layers }: NetxNetwork): Net {
    const [first, ...others] = layers;
    let reached = this.enter(first!);
    for (const layer of first!.type === "input" ? others : layers) reached = this.add(layer, reached);
    this.net.output("output", reached.value);
    return this.net.finish();
  }

  private enter(first: NetxLayer): Reached {
    const time = everyStep(this.settings.timesteps);
    if (first.type === "input" && first.neuron !== undefined) {
      const shape = channelsLast(first.shape);
      const biases = this.net.input("input", { number: int(BIAS_RANGE.lo, BIAS_RANGE.hi), time, shape });
      // lava adds a bias to the potential. No synapse charges these neurons, so a current that is gone in the next timestep is the same.
      const value = this.neuron(first, { ...first.neuron, iDecay: 4096 }, biases);
      return { value, shape, flattened: false };
    }
    const shape = this.inputShape(first);
    return { value: this.net.input("input", { number: SPIKE, time, shape }), shape, flattened: false };
  }

  private inputShape(first: NetxLayer): readonly number[] {
    if (first.type === "input") return channelsLast(first.shape);
    if (first.type === "dense") return [first.inputs];
    if (this.settings.input !== undefined) return this.settings.input;
    throw netxError("setting", `the first layer is \`${first.type}\` and no input layer says how large its input is`, {
      location: { kind: "file", file: this.file, path: `/layer/${first.index}` },
      hint: "give it with --set input=HxWxC",
    });
  }

  private add(layer: NetxLayer, before: Reached): Reached {
    switch (layer.type) {
      case "input":
        throw this.fault(layer, "unsupported-layer", "an input layer stands behind others", "type");
      case "flatten":
        return { ...before, flattened: true };
      case "dense":
        return this.dense(layer, before);
      case "conv":
        return this.conv(layer, before);
    }
  }

  private dense(layer: NetxDense, { value, shape, flattened }: Reached): Reached {
    const { inputs, outputs, index } = layer;
    if (elements(shape) !== inputs) {
      const message = `layer ${index} has weights for ${inputs} inputs, the layer before gives ${shape.join("x")}`;
      throw this.fault(layer, "shape", message, "weight");
    }
    const [h = 1, w = 1] = shape.length === 3 ? shape : [];
    if (h * w > 1 && !flattened) {
      throw this.fault(layer, "shape", `layer ${index} is dense on a map of ${h}x${w} without a flatten layer between`);
    }
    if (h !== w) {
      const message = `layer ${index} reads a flattened map of ${h}x${w}, imported are square ones`;
      throw this.fault(layer, "unsupported-layer", message);
    }
    // A dense layer on a whole map is a convolution with one window.
    const channels = inputs / (h * w);
    const mantissa = new Int32Array(inputs * outputs);
    for (let o = 0, at = 0; o < outputs; o++) {
      for (let c = 0; c < channels; c++) {
        for (let p = 0; p < h * w; p++) mantissa[(p * channels + c) * outputs + o] = layer.weight[at++]!;
      }
    }
    const whole = h * w > 1;
    const symbol = this.weights(layer, whole ? [h, w, channels, outputs] : [inputs, outputs], mantissa);
    const op = whole ? "synapse.conv" : "synapse.dense";
    const current = this.net.op(op, [value], {
      symbols: [symbol],
      attrs: { ...(whole ? { kernel: h } : {}), result: "int" },
      origin: this.origin(layer),
    });
    return {
      value: this.fire(layer, current),
      shape: shape.length === 3 ? [1, 1, outputs] : [outputs],
      flattened: false,
    };
  }

  private conv(layer: NetxConv, { value, shape, flattened }: Reached): Reached {
    const { index, inChannels, outChannels, kernel, dilation, groups, stride, padding } = layer;
    if (shape.length !== 3 || flattened || shape[2] !== inChannels) {
      const got = flattened ? "a flattened map" : shape.join("x");
      const message = `layer ${index} is a convolution of ${inChannels} channels, the layer before gives ${got}`;
      throw this.fault(layer, "shape", message, "weight");
    }
    // The IR's convolution is dense: pauses of a dilated kernel and weights between groups are zeros.
    const side = (kernel - 1) * dilation + 1;
    const count = side * side * inChannels * outChannels;
    if (count > MAX_EXPANDED) {
      const message = `layer ${index} has ${count} weights with the zeros of its ${groups} groups and dilation ${dilation}, at most ${MAX_EXPANDED} are imported`;
      throw this.fault(layer, "unsupported-layer", message, "weight");
    }
    const mantissa = new Int32Array(count);
    const perGroup = inChannels / groups;
    const outputsPerGroup = outChannels / groups;
    for (let o = 0, at = 0; o < outChannels; o++) {
      const firstChannel = Math.floor(o / outputsPerGroup) * perGroup;
      for (let c = firstChannel; c < firstChannel + perGroup; c++) {
        for (let ky = 0; ky < side; ky += dilation) {
          for (let kx = 0; kx < side; kx += dilation) {
            mantissa[((ky * side + kx) * inChannels + c) * outChannels + o] = layer.weight[at++]!;
          }
        }
      }
    }
    const current = this.net.op("synapse.conv", [value], {
      symbols: [this.weights(layer, [side, side, inChannels, outChannels], mantissa)],
      attrs: { kernel: side, stride, padding, result: "int" },
      origin: this.origin(layer),
    });
    const result = this.net.typeOf(current).shape;
    const stated = channelsLast(layer.shape);
    if (result.some((size, i) => size !== stated[i])) {
      const message = `layer ${index} gives ${result.join("x")}, its \`shape\` says ${stated.join("x")} (height, width, channels)`;
      throw this.fault(layer, "shape", message, "shape");
    }
    return { value: this.fire(layer, current), shape: result, flattened: false };
  }

  /** The weights of a layer as a constant; biases belong to neurons here, but for `fire = ge` (see {@link neuron}). */
  private weights(layer: NetxDense | NetxConv, shape: readonly number[], mantissa: Int32Array): string {
    this.checkFormat(layer);
    const out = shape[shape.length - 1]!;
    const bias = this.settings.fire === "ge" && layer.bias !== undefined ? layer.bias : new Float64Array(out);
    const weights: Weights = { kind: "weights", shape, mantissa, exponent: new Int32Array(out), bias };
    return this.net.constant(`layer.${layer.index}.weight`, weights);
  }

  private fire(layer: NetxDense | NetxConv, current: string): string {
    const spikes = this.neuron(layer, layer.neuron, current, layer.bias);
    return layer.delay === 0 ? spikes : this.net.op("delay", [spikes], { attrs: { timesteps: layer.delay } });
  }

  /**
   * The neurons of a layer. `fire = gt`: lava's integer neuron, what the chip computes. `fire = ge`: what lava-dl's training code
   * computes (slayer.neuron.cuba): the same decays, no wrap, a spike already at the threshold.
   */
  private neuron(
    layer: NetxInput | NetxDense | NetxConv,
    neuron: NetxNeuron,
    current: string,
    bias?: Float64Array,
  ): string {
    const name = `layer.${layer.index}`;
    const { iDecay, vDecay, vThMant } = neuron;
    if (this.settings.fire === "ge") {
      // There the bias joins the potential; in the weights it joins the current, which is the same where none is left over.
      if (bias?.some((b) => b !== 0) === true && iDecay !== 4096) {
        const message = `layer ${layer.index} has biases and a current that lasts (iDecay ${iDecay}); fire = ge needs iDecay 4096`;
        throw this.fault(layer, "unsupported-neuron", message, "neuron/iDecay", "import it with fire = gt");
      }
      const charge = { name: "cuba", args: [iDecay, vDecay] };
      const attrs = { charge, fire: "ge", v_th: vThMant * 2 ** ALIGNMENT_BITS, fraction_bits: ALIGNMENT_BITS };
      return this.net.op("neuron.lif", [current], { attrs, layer: name, origin: this.origin(layer) });
    }
    const attrs: Record<string, AttrValue> = { profile: "lava", decay_u: iDecay - 1, decay_v: vDecay, v_th: vThMant };
    if (bias !== undefined) {
      const effective = Float32Array.from(bias, (b) => b * 2 ** ALIGNMENT_BITS);
      attrs["bias"] = { symbol: this.net.constant(`${name}.bias`, realTensor([bias.length], effective)) };
    }
    return this.net.op("neuron.loihi", [current], { attrs, layer: name, origin: this.origin(layer) });
  }

  /**
   * Warns of weights that eight bits and a sign cannot hold: mixed signs leave -256..254 in steps of 2, or -128..127; one sign
   * alone leaves 255 (lava-dl, netx/utils.py, and lava, utils/weightutils.py).
   */
  private checkFormat(layer: NetxDense | NetxConv): void {
    let [lo, hi, odd] = [0, 0, 0];
    for (const w of layer.weight) {
      lo = Math.min(lo, w);
      hi = Math.max(hi, w);
      odd |= w & 1;
    }
    const mixed = lo < 0 && hi > 0;
    const fits = mixed ? (lo >= -128 && hi <= 127) || (lo >= -256 && hi <= 254 && odd === 0) : lo >= -255 && hi <= 255;
    if (fits) return;
    const message = `weights of layer ${layer.index} lie in ${lo}..${hi}${odd === 1 ? " and are not all even" : ""}: more than the eight bits of a synapse`;
    this.report.add(
      netxDiagnostics.make("weight-format", message, {
        location: { kind: "file", file: this.file, path: `/layer/${layer.index}/weight` },
        hint: "spikec keeps them as they are; lava would clip or round them",
      }),
    );
  }

  private origin(layer: NetxLayer): string {
    return `${this.file}/layer/${layer.index}`;
  }

  private fault(
    layer: NetxLayer,
    code: Parameters<typeof netxError>[0],
    message: string,
    field?: string,
    hint?: string,
  ) {
    const path = `/layer/${layer.index}${field === undefined ? "" : `/${field}`}`;
    return netxError(code, message, { location: { kind: "file", file: this.file, path }, hint });
  }
}

/** The net of a network; see {@link NetxBuilder}. Throws `netx/…` errors, and those of ops whose rules it violates. */
export function buildNet(network: NetxNetwork, file: string, settings: NetxSettings, report: Report): Net {
  return new NetxBuilder(file, settings, report).build(network);
}
