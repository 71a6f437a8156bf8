import { exp } from "../../math/index.js";
import { defineOp, problem, type AttrDefinition, type OpView, type Problem, type Slot } from "../op.js";
import { channelsOf, positionsOf, printType, REAL, timestepsOf, type ValueType } from "../types.js";

/** Which timesteps a decision looks at: all T, or those of a chunk, so that what follows stays causal from chunk to chunk. */
const CHUNK: AttrDefinition = {
  type: "int",
  min: 0,
  default: 0,
  doc: "timesteps that one score looks at; must divide the timesteps; 0: all of them",
};

const WEIGHT_DOC = "SPARTA's weight of";

/** Beyond this the exponentials of `sparta` would leave f32. */
const LARGEST_EXPONENT = 80;

function stepsOf(view: OpView): number {
  return view.number("chunk") || timestepsOf(view.operand(0).time);
}

/** One score per token and decision: the type, or the violated rule. */
function inferScores(view: OpView): ValueType | Problem {
  const s = view.operand(0);
  const timesteps = timestepsOf(s.time);
  if (s.time.period !== 1) {
    return problem("type-mismatch", `\`${view.op.name}\` needs spikes per timestep, got ${printType(s)}`);
  }
  const steps = stepsOf(view);
  if (timesteps % steps !== 0) {
    const legal = Array.from({ length: timesteps }, (_, i) => i + 1).filter((c) => timesteps % c === 0);
    const hint = `use chunk = 0, ${legal.join(", ")}`;
    return problem("chunk", `chunk ${steps} does not divide ${timesteps} timesteps`, hint);
  }
  return { number: REAL, time: { count: timesteps / steps, period: steps }, shape: [positionsOf(s)] };
}

const temporal = (view: OpView) => {
  const chunk = view.number("chunk");
  return chunk === 0 ? ({ kind: "sequence" } as const) : ({ kind: "chunked", chunk } as const);
};

/** Sums over the channels of a token: spikes, first spike times, mean distances between spikes. */
interface Timing {
  readonly spikes: number;
  readonly first: number;
  readonly interval: number;
}

function timingOf(slots: readonly Slot[], token: number, channels: number): Timing {
  let [spikes, first, interval] = [0, 0, 0];
  for (let c = 0; c < channels; c++) {
    const times = slots.flatMap((slot, t) => (slot[token * channels + c] === 1 ? [t] : []));
    const [start = slots.length] = times;
    const end = times[times.length - 1] ?? 0;
    spikes += times.length;
    first += start;
    interval += times.length < 2 ? slots.length : (end - start) / (times.length - 1);
  }
  return { spikes, first, interval };
}

function cueOf(view: OpView, { spikes, first, interval }: Timing, channels: number, steps: number): number {
  const meanFirst = first / (channels * steps);
  const meanInterval = interval / channels;
  switch (view.word("cue")) {
    case "first-spike":
      return 0 - meanFirst;
    case "interval":
      return 0 - meanInterval;
    case "sparta": {
      const rate = spikes / (channels * steps);
      const early = exp(-view.number("alpha") * meanFirst);
      const dense = exp(-view.number("beta") * meanInterval);
      return (early * dense) / (1 + exp(-view.number("gamma") * rate));
    }
    default:
      return spikes;
  }
}

export const score = defineOp({
  name: "tokens.score",
  summary: "importance of each token by the rate and the timing of its spikes",
  doc: `Over the W timesteps of a decision (all T, or a chunk) and the C channels of token n, per channel:
  first    = time of the first spike counted from the start of the decision, W if silent
  interval = (last - first) / (spikes - 1), the mean distance of consecutive spikes, W with fewer than two spikes
and per token R = spikes of all channels, F = (sum of first) / (C W), I = (sum of interval) / C:
cue = rate:        y[n] = R
cue = first-spike: y[n] = -F
cue = interval:    y[n] = -I
cue = sparta:      y[n] = exp(-alpha F) exp(-beta I) / (1 + exp(-gamma R / (C W)))
in doubles, channels ascending, rounded once to f32; the larger the more important. Cues of SPARTA; the paper leaves the
units and silent channels open, these are our reading of the paper. A score looks at spikes of
its whole decision: over all T nothing behind it can start before the last timestep, over a chunk it is as causal as an
attention of that chunk.`,
  operands: [{ name: "s", accepts: "spike", doc: "spikes, positions x channels", future: true }],
  symbols: [],
  attrs: {
    cue: { type: "word", oneOf: ["rate", "first-spike", "interval", "sparta"], default: "rate", doc: "what counts" },
    alpha: { type: "number", default: 1, doc: `${WEIGHT_DOC} early first spikes` },
    beta: { type: "number", default: 1, doc: `${WEIGHT_DOC} short intervals` },
    gamma: { type: "number", default: 1, doc: `${WEIGHT_DOC} high rates` },
    chunk: CHUNK,
  },
  temporal,
  spatial: "token",
  infer(view) {
    const type = inferScores(view);
    if (view.word("cue") !== "sparta" || "code" in type) return type;
    const [alpha, beta, gamma] = ["alpha", "beta", "gamma"].map((name) => Math.abs(view.number(name)));
    const largest = (alpha ?? 0) + (beta ?? 0) * stepsOf(view) + (gamma ?? 0);
    if (largest <= LARGEST_EXPONENT) return type;
    return problem(
      "attribute",
      `|alpha| + ${stepsOf(view)} |beta| + |gamma| is ${largest}, the score would leave f32`,
      `use weights whose sum is at most ${LARGEST_EXPONENT}`,
    );
  },
  step({ view, type }, _state, [slots]) {
    const moments = slots ?? [];
    const channels = channelsOf(view.operand(0));
    return [
      Float32Array.from({ length: channelsOf(type) }, (_, n) =>
        cueOf(view, timingOf(moments, n, channels), channels, moments.length),
      ),
    ];
  },
  examples: [
    {
      text: `net @example(%s: spike<2t, 2x2>) -> real<1t/2, 2> {
  %y = tokens.score %s : real<1t/2, 2>
  return %y
}`,
      inputs: { s: [1, 0, 0, 0, 1, 1, 0, 1] },
      outputs: { y: [3, 1] },
    },
    {
      text: `net @example(%s: spike<4t, 2x1>) -> real<2t/2, 2> {
  %y = tokens.score %s {cue = first-spike, chunk = 2} : real<2t/2, 2>
  return %y
}`,
      inputs: { s: [1, 0, 0, 1, 0, 0, 0, 1] },
      outputs: { y: [0, -0.5, -1, -0.5] },
    },
    {
      text: `net @example(%s: spike<4t, 2x1>) -> real<1t/4, 2> {
  %y = tokens.score %s {cue = interval} : real<1t/4, 2>
  return %y
}`,
      inputs: { s: [1, 0, 0, 1, 0, 0, 1, 0] },
      outputs: { y: [-3, -4] },
    },
    {
      text: `net @example(%s: spike<2t, 2x1>) -> real<1t/2, 2> {
  %y = tokens.score %s {cue = sparta, alpha = 0, beta = 0, gamma = 0} : real<1t/2, 2>
  return %y
}`,
      inputs: { s: [1, 0, 0, 1] },
      outputs: { y: [0.5, 0.5] },
    },
  ],
});

/** Spikes of one head of one token. */
function headSpikes(slot: Slot | undefined, from: number, headDim: number): number {
  let sum = 0;
  for (let j = 0; j < headDim; j++) sum += slot?.[from + j] ?? 0;
  return sum;
}

export const relevance = defineOp({
  name: "tokens.relevance",
  summary: "importance of each token by what it adds to K^T V",
  doc: `y[n] = sum over the W timesteps t of a decision and the heads h of (sum over e of k[t, n, h*d + e]) * (sum over j of v[t, n, h*d + j])
the number of additions of one that token n makes to the counters of K^T V: what is lost of them when the token is left out. An
exact integer, rounded once to f32. Our definition of the accumulated K^T V relevance; it needs k and v of all tokens,
so it saves attention, not projections.`,
  operands: [
    { name: "k", accepts: "spike", doc: "keys, tokens x channels", future: true },
    { name: "v", accepts: "spike", doc: "values", future: true },
  ],
  symbols: [],
  attrs: { heads: { type: "int", min: 1, doc: "number of heads; channel = head * d + j" }, chunk: CHUNK },
  temporal,
  spatial: "token",
  infer(view) {
    const [k, v, heads] = [view.operand(0), view.operand(1), view.number("heads")];
    if (printType(k) !== printType(v)) {
      return problem(
        "shape-mismatch",
        `\`tokens.relevance\` needs equal types, got ${printType(k)} and ${printType(v)}`,
      );
    }
    if (channelsOf(k) % heads !== 0) {
      return problem("attribute", `${heads} heads do not divide ${channelsOf(k)} channels`);
    }
    return inferScores(view);
  },
  step({ view, type }, _state, [ks, vs]) {
    const channels = channelsOf(view.operand(0));
    const headDim = channels / view.number("heads");
    const added = (n: number): number => {
      let sum = 0;
      for (const [t, k] of (ks ?? []).entries()) {
        for (let e = n * channels; e < (n + 1) * channels; e += headDim) {
          sum += headSpikes(k, e, headDim) * headSpikes(vs?.[t], e, headDim);
        }
      }
      return sum;
    };
    return [Float32Array.from({ length: channelsOf(type) }, (_, n) => added(n))];
  },
  examples: [
    {
      text: `net @example(%k: spike<1t, 2x4>, %v: spike<1t, 2x4>) -> real<1t, 2> {
  %y = tokens.relevance %k, %v {heads = 2} : real<1t, 2>
  return %y
}`,
      inputs: { k: [1, 1, 0, 1, 1, 0, 0, 0], v: [1, 1, 0, 0, 0, 0, 1, 1] },
      outputs: { y: [4, 0] },
    },
  ],
});
