import type { Report } from "../../diagnostics/index.js";
import { channelsOf, everyStep, NetBuilder, REAL, type AttrValue, type Net } from "../../ir/index.js";
import { sigmoid32 } from "../../math/exp.js";
import type { Tensor } from "../../math/tensor.js";
import type { Checkpoint } from "../formats/index.js";
import { modelDiagnostics } from "./diagnostics.js";
import type { SettingDefinition, Settings, SettingValue } from "./settings.js";
import { TensorReader, type MakeTensor } from "./tensors.js";

/**
 * The spike-driven transformer with membrane shortcuts: the host of STAtten and of SDT's own attention (SDSA-1). Stem, MLP and
 * head are common; the two public repositories differ in the event-camera branch (each named in its variant).
 */

type Tensors = Checkpoint["tensors"];

function dimension(name: string, axis: number): (tensors: Tensors) => SettingValue | undefined {
  return (tensors) => tensors.get(name)?.shape[axis];
}

function countBlocks(tensors: Tensors): number | undefined {
  const indices = new Set([...tensors.keys()].map((name) => Number(/^block\.(\d+)\./.exec(name)?.[1] ?? -1)));
  let depth = 0;
  while (indices.has(depth)) depth++;
  return depth > 0 ? depth : undefined;
}

function mlpRatio(tensors: Tensors): number | undefined {
  const shape = tensors.get("block.0.mlp.fc1_conv.weight")?.shape;
  return shape?.[0] === undefined || shape[1] === undefined ? undefined : shape[0] / shape[1];
}

export function transformerSettings(attention: "STAtten" | "SDT"): readonly SettingDefinition[] {
  return [
    { name: "timesteps", type: "int", aliases: ["T", "time_steps"], doc: "number of timesteps" },
    {
      name: "chunk",
      type: "int",
      aliases: ["chunk_size"],
      doc: "timesteps attended together; must divide the timesteps",
      ...(attention === "SDT" ? { default: 1 } : {}),
    },
    { name: "height", type: "int", aliases: ["img_size_h", "img_size"], doc: "rows of the input picture" },
    { name: "width", type: "int", aliases: ["img_size_w", "img_size"], doc: "columns of the input picture" },
    {
      name: "pooling",
      type: "word",
      aliases: ["pooling_stat"],
      doc: "four digits: digit i = 1 pools after stem stage i",
    },
    {
      name: "attention",
      type: "word",
      aliases: ["attention_mode"],
      oneOf: attention === "SDT" ? ["SDT"] : ["STAtten", "SDT"],
      default: attention,
      doc: "which attention the blocks run",
    },
    {
      name: "events",
      type: "boolean",
      aliases: ["dvs_mode"],
      default: false,
      doc: "event-camera branch: one frame per timestep, extra pooling",
    },
    {
      name: "tet",
      type: "boolean",
      aliases: ["TET"],
      default: false,
      doc: "logits per timestep instead of their mean",
    },
    {
      name: "channels",
      type: "int",
      aliases: ["in_channels"],
      infer: dimension("patch_embed.proj_conv.weight", 1),
      doc: "input channels",
    },
    { name: "classes", type: "int", aliases: ["num_classes"], infer: dimension("head.weight", 0), doc: "outputs" },
    {
      name: "dim",
      type: "int",
      aliases: ["embed_dims", "embed_dim"],
      infer: dimension("head.weight", 1),
      doc: "channels of a token",
    },
    {
      name: "heads",
      type: "int",
      aliases: ["num_heads"],
      infer: dimension("block.0.attn.talking_heads.weight", 0),
      doc: "attention heads",
    },
    { name: "depth", type: "int", aliases: ["depths", "layer"], infer: countBlocks, doc: "number of blocks" },
    {
      name: "mlp-ratio",
      type: "int",
      aliases: ["mlp_ratios", "mlp_ratio"],
      infer: mlpRatio,
      doc: "hidden channels of the MLP / dim",
    },
  ];
}

/** Where the two repositories differ. */
export interface Variant {
  /** The STAtten repository pools q as well in SDT's event branch, the original does not. */
  readonly poolsQueries: boolean;
}

export interface BuiltModel {
  readonly net: Net;
  /** Tensors that the official network holds and never uses. */
  readonly unused: readonly string[];
  /** Tensors that were made because the checkpoint had none; empty where none may be made. */
  readonly made: ReadonlyMap<string, Tensor>;
}

class TransformerBuilder {
  private readonly net = new NetBuilder("net");

  constructor(
    private readonly tensors: TensorReader,
    private readonly settings: Settings,
    private readonly variant: Variant,
  ) {}

  build(): Net {
    const { settings, net } = this;
    const [t, shape] = [
      settings.int("timesteps"),
      [settings.int("height"), settings.int("width"), settings.int("channels")],
    ];
    // A static picture is the same at all timesteps: one slot that holds, so its convolution is computed once.
    const time = settings.flag("events") ? everyStep(t) : { count: 1, period: t };
    let stream = this.stem(net.input("image", { number: REAL, time, shape }));
    for (let i = 0; i < settings.int("depth"); i++) {
      stream = this.add(stream, this.attention(stream, `block.${i}.attn`));
      stream = this.mlp(stream, `block.${i}.mlp`);
    }
    const logits = this.head(stream);
    net.output("logits", settings.flag("tet") ? logits : net.op("reduce.mean-time", [logits]));
    return net.finish();
  }

  /** MS_SPS, four convolutions and a relative position convolution (Spike-Driven-Transformer, module/sps.py). Returns the start of the stream. */
  private stem(image: string): string {
    const dim = this.settings.int("dim");
    const pools = this.settings.word("pooling");
    let x = image;
    for (const [stage, divisor] of [8, 4, 2].entries()) {
      const suffix = stage === 0 ? "" : String(stage);
      const current = this.convBn(
        x,
        `patch_embed.proj_conv${suffix}`,
        `patch_embed.proj_bn${suffix}`,
        dim / divisor,
        3,
      );
      x = this.lif(current, `patch_embed.proj_lif${suffix}`);
      if (pools[stage] === "1") x = this.net.op("pool.or", [x], { attrs: { kernel: 3, stride: 2, padding: 1 } });
    }
    let f = this.convBn(x, "patch_embed.proj_conv3", "patch_embed.proj_bn3", dim, 3);
    // The last pooling acts on real values, before the neuron.
    if (pools[3] === "1") f = this.net.op("pool.max", [f], { attrs: { kernel: 3, stride: 2, padding: 1 } });
    const position = this.convBn(
      this.lif(f, "patch_embed.proj_lif3"),
      "patch_embed.rpe_conv",
      "patch_embed.rpe_bn",
      dim,
      3,
    );
    return this.add(position, f);
  }

  private attention(stream: string, path: string): string {
    const [dim, heads] = [this.settings.int("dim"), this.settings.int("heads")];
    this.tensors.dead(`${path}.talking_heads.weight`, [heads, heads, 1], { kind: "uniform", fanIn: heads });
    const shortcut = this.lif(stream, `${path}.shortcut_lif`);
    const [q, k, v] = ["q", "k", "v"].map((name) =>
      this.lif(this.convBn(shortcut, `${path}.${name}_conv`, `${path}.${name}_bn`, dim, 1), `${path}.${name}_lif`),
    ) as [string, string, string];
    const mixed =
      this.settings.word("attention") === "STAtten" ? this.statten(q, k, v, shortcut, path) : this.sdsa(q, k, v, path);
    return this.convBn(mixed, `${path}.proj_conv`, `${path}.proj_bn`, dim, 1, true);
  }

  /** STAtten, and its event branch: everything pooled, and the projection fed p * (1 + a) in 0..2 (STAtten, module/ms_conv.py). */
  private statten(q: string, k: string, v: string, shortcut: string, path: string): string {
    const events = this.settings.flag("events");
    const [side = 1] = this.net.typeOf(q).shape;
    const chunk = this.settings.int("chunk");
    const scale = events ? 1 / (side * side * chunk) : 1 / side;
    const pooled = (x: string): string => (events ? this.spatialPool(x) : x);
    const attrs = {
      heads: this.settings.int("heads"),
      chunk,
      scale,
      sum: Number.isInteger(Math.log2(scale)) ? "exact" : "sequential",
    };
    const o = this.net.op("attention.statten", [pooled(q), pooled(k), pooled(v)], { attrs });
    const a = this.lif(o, `${path}.attn_lif`, 0.5);
    if (!events) return a;
    const p = this.spatialPool(shortcut);
    return this.add(this.net.op("mask.and", [a, p]), p);
  }

  /** SDSA-1: OR over tokens of k AND v masks q; in the event branch pooled in the odd plane of `pool.plane` (3.2). */
  private sdsa(q: string, k: string, v: string, path: string): string {
    const events = this.settings.flag("events");
    const plane = (x: string): string =>
      events ? this.net.op("pool.plane", [x], { attrs: { heads: this.settings.int("heads") } }) : x;
    const pooled = (x: string): string => (events ? this.spatialPool(x) : x);
    const kv = plane(this.net.op("mask.and", [pooled(k), pooled(v)]));
    const count = this.net.op("to-real", [this.net.op("reduce.sum-positions", [kv])]);
    const mask = this.lif(count, `${path}.talking_heads_lif`, 0.5);
    const queries = this.variant.poolsQueries ? pooled(q) : q;
    return plane(this.net.op("mask.and", [queries, mask]));
  }

  private mlp(stream: string, path: string): string {
    const dim = this.settings.int("dim");
    const hidden = dim * this.settings.int("mlp-ratio");
    let identity = stream;
    let x = this.convBn(this.lif(stream, `${path}.fc1_lif`), `${path}.fc1_conv`, `${path}.fc1_bn`, hidden, 1, true);
    // The official MLP has an inner residual where the widths agree (recorded cases of the official code say so).
    if (hidden === dim) identity = x = this.add(identity, x);
    x = this.convBn(this.lif(x, `${path}.fc2_lif`), `${path}.fc2_conv`, `${path}.fc2_bn`, dim, 1, true);
    return this.add(x, identity);
  }

  private head(stream: string): string {
    const mean = this.net.op("reduce.mean-positions", [stream]);
    const spikes = this.lif(mean, "head_lif");
    const weights = this.tensors.linear("head", this.settings.int("dim"), this.settings.int("classes"));
    return this.net.op("synapse.dense", [spikes], { symbols: [this.net.constant("head", weights)], origin: "head" });
  }

  private add(a: string, b: string): string {
    return this.net.op("stream.add", [a, b]);
  }

  private spatialPool(x: string): string {
    return this.net.op("pool.or", [x], { attrs: { kernel: 3, stride: 1, padding: 1 } });
  }

  private convBn(x: string, conv: string, bn: string, outputs: number, kernel: number, bias = false): string {
    const { net } = this;
    const weights = this.tensors.conv(conv, channelsOf(net.typeOf(x)), outputs, kernel, bias);
    const symbols = [net.constant(conv, weights)];
    const y =
      kernel === 1
        ? net.op("synapse.dense", [x], { symbols, origin: conv })
        : net.op("synapse.conv", [x], { symbols, origin: conv, attrs: { kernel, padding: 1 } });
    const statistics = this.tensors.batchNorm(bn, outputs).map(([name, constant]) => net.constant(name, constant));
    return net.op("norm.batch", [y], { symbols: statistics, origin: bn });
  }

  /** LIF with tau = 2, or PLIF where the checkpoint holds the site's `w` (1/tau = sigmoid(w), evaluated once). */
  private lif(x: string, layer: string, vTh = 1): string {
    const plif = `${layer}.w`;
    const charge: AttrValue = this.tensors.has(plif)
      ? { name: "multiply", args: [sigmoid32(this.tensors.scalar(plif))] }
      : { name: "divide", args: [2] };
    return this.net.op("neuron.lif", [x], {
      attrs: { charge, v_th: vTh, fire: "ge", reset: "hard" },
      layer,
      origin: layer,
    });
  }
}

function checkSettings(settings: Settings, report: Report): boolean {
  const before = report.errors.length;
  const fail = (message: string, hint: string): void => {
    report.add(modelDiagnostics.make("setting", message, { hint }));
  };
  const [t, chunk, dim, heads] = ["timesteps", "chunk", "dim", "heads"].map((name) => settings.int(name)) as [
    number,
    number,
    number,
    number,
  ];
  const divisors = Array.from({ length: t }, (_, i) => i + 1).filter((c) => t % c === 0);
  if (settings.word("attention") === "STAtten" && t % chunk !== 0) {
    fail(`chunk ${chunk} does not divide ${t} timesteps`, `chunks that work: ${divisors.join(", ")}`);
  }
  if (dim % heads !== 0) fail(`${heads} heads do not divide ${dim} channels`, "heads must divide dim");
  if (dim % 8 !== 0) fail(`dim ${dim} is not a multiple of 8`, "the stem widens from dim / 8 to dim");
  if (!/^[01]{4}$/.test(settings.word("pooling")))
    fail(`pooling expects four digits 0 or 1, got ${settings.word("pooling")}`, "for example --set pooling=0011");
  if (settings.word("attention") === "STAtten" && settings.int("height") !== settings.int("width"))
    fail("pictures must be square", "sigma is 1 / side of the token grid");
  return report.errors.length === before;
}

const UNUSED = /(\.num_batches_tracked|\.talking_heads\.weight|_lif\d*\.w)$/;

export function buildTransformer(
  checkpoint: Checkpoint,
  file: string,
  settings: Settings,
  variant: Variant,
  report: Report,
  make?: MakeTensor,
): BuiltModel | undefined {
  if (!checkSettings(settings, report)) return undefined;
  const before = report.errors.length;
  const tensors = new TensorReader(checkpoint, file, report, make);
  const net = new TransformerBuilder(tensors, settings, variant).build();
  const unused = tensors.unused((name) => UNUSED.test(name));
  tensors.reportExtra();
  return report.errors.length > before ? undefined : { net, unused, made: tensors.made };
}
