import { isSpike, isWeighted, type AttrValue, type Net, type Op } from "../ir/index.js";
import { OpEdits } from "./op-edits.js";
import { definePass, type PassContext } from "./pass.js";
import { rulesFor, type KeepRule } from "./token-rules.js";
import { findSelections, type Attention, type Selection } from "./token-selections.js";

/** Weighted ops of a place that read spikes, by whether they read those that are scored. */
function weightedOps({ branch, spikes }: Selection, edits: OpEdits): { readonly first: Op[]; readonly later: Op[] } {
  const reading = (branch?.inner ?? []).filter((op) => isWeighted(op) && isSpike(edits.typeOf(op.operands[0] ?? "")));
  const [first, later] = [true, false].map((is) => reading.filter((op) => (op.operands[0] === spikes) === is));
  return { first: first ?? [], later: later ?? [] };
}

/** Weighted ops in front of an attention that see the kept tokens alone. */
function projectionsOf({ projections, queryProjection }: Attention, whole: boolean): readonly Op[] {
  const ofQueries = whole && queryProjection !== undefined ? [queryProjection] : [];
  return [...ofQueries, ...(projections ?? [])];
}

/** Operands that are masked: of an op, by position. */
type Masked = readonly [Op, number];

/** Keys and values of an attention, and with `whole` all that its branch computes and returns. */
function maskedByAttention(place: Selection, whole: boolean, context: PassContext, edits: OpEdits): readonly Masked[] {
  const { attention, branch } = place;
  if (attention === undefined) return [];
  const { op, k, v, queries } = attention;
  const firsts = context.word("project") === "kept" ? projectionsOf(attention, whole) : [];
  context.count("projections-masked", firsts.length);
  const masked: Masked[] = [...firsts.map((one): Masked => [one, 0]), [op, k], [op, v]];
  if (!whole || branch === undefined) return masked;
  if (queries !== undefined) masked.push(queries);
  const behind = branch.inner.slice(branch.inner.indexOf(op));
  const later = weightedOps(place, edits).later.filter((one) => behind.includes(one));
  return [...masked, ...later.map((one): Masked => [one, 0]), [branch.add, branch.result]];
}

/** Spikes in front of every weighted op of an MLP, and its result, which holds biases even where no spike is left. */
function maskedByMlp(place: Selection, context: PassContext, edits: OpEdits): readonly Masked[] {
  const { branch } = place;
  if (branch === undefined) return [];
  const { first, later } = weightedOps(place, edits);
  context.count("projections-masked", first.length);
  return [...[...first, ...later].map((op): Masked => [op, 0]), [branch.add, branch.result]];
}

/** Adds score and selection in front of the first op that reads a masked value, and masks. */
function select(place: Selection, rule: KeepRule, context: PassContext, edits: OpEdits): void {
  const { attention, branch, spikes } = place;
  const whole = attention === undefined || context.word("drop") === "residual";
  const masked =
    attention === undefined ? maskedByMlp(place, context, edits) : maskedByAttention(place, whole, context, edits);
  const [front] = edits.inOrder(masked.map(([op]) => op));
  if (front === undefined) return;

  const cue = context.word("cue");
  const scope = { chunk: context.word("scope") === "chunk" ? place.chunk : 0 };
  const weights: Record<string, AttrValue> =
    cue === "sparta" ? Object.fromEntries(["alpha", "beta", "gamma"].map((name) => [name, context.number(name)])) : {};
  const score =
    cue === "relevance" && attention !== undefined
      ? edits.insert(
          front,
          "tokens.relevance",
          [attention.k, attention.v].map((i) => attention.op.operands[i] ?? ""),
          { heads: attention.heads, ...scope },
        )
      : edits.insert(front, "tokens.score", [spikes], { cue, ...weights, ...scope });
  const mask =
    rule.kind === "k"
      ? edits.insert(front, "tokens.top-k", [score], { k: rule.k })
      : edits.insert(front, "tokens.top-share", [score], rule.attrs);

  const already = new Map<string, string>();
  for (const op of edits.inOrder(masked.map(([one]) => one))) {
    for (const [, i] of masked.filter(([one]) => one === op)) {
      const value = op.operands[i] ?? "";
      const kept = already.get(value) ?? edits.insert(op, "mask.tokens", [value, mask], {});
      already.set(value, kept);
      edits.replace(op, i, kept);
    }
  }
  context.count("places-sparsified");
  if (whole && branch !== undefined) context.count("branches-masked");
  context.count("tokens-kept", rule.most);
  context.count("tokens-masked", place.tokens - rule.most);
}

export const sparsifyTopK = definePass({
  name: "sparsify-top-k",
  summary:
    "attention and MLP on the most important tokens alone; the others add nothing to K^T V, or keep their stream",
  description: `m = top-k(score(s)), per place: s are the spikes of the neuron that a branch of the stream begins with (in front of an
attention the one from which keys and values are projected), the score is one of \`tokens.score\` on s or \`tokens.relevance\` on k and v.
Before an attention k' = m AND k, v' = m AND v. With drop = kv that is all: queries and the residual stream stay whole, so every
token still reads what the kept ones say. With drop = residual, and always before an MLP (a branch in which no op looks beyond its
token), the branch of a token that is left out adds exactly 0, so that its residual stream passes: y = x + (b if m = 1, else 0). Spikes in front of weights
are masked to save their additions; the result b is masked because biases are left without spikes.
Neurons of the branch see the biases alone then.
How many stay, per place: k of them; or fraction of them, rounded up (half when nothing is given); or as many as the input has important ones:
with share, those whose score x has x - min x >= share (max x - min x), but at least floor and at most capacity; floor is filled with
the best, and more than capacity stop the run (overflow = error, the default: what does not fit is never left out silently) or the best capacity
stay (overflow = keep-best). k and fraction take lists, one number per place in the net's order (attention and MLP by turns
with before = both). Equal scores are decided for the lower token. Nothing changes where all tokens are kept.
With scope = sample a decision looks at all T timesteps (a barrier: the mask exists after the
last one); with scope = chunk at those of the attention's chunk (before an MLP: of the attention in front), and the net stays causal from chunk to chunk.
With project = kept the projections of an attention read m AND s, so that tokens left out cost nothing there either; k' and v' are
the same, the unmasked spikes of k and v at tokens left out are not. Projections whose result is pooled or read elsewhere stay whole.
Bounded: what it costs in accuracy is measured, not proved; \`spikec sweep-k\` prints it for labelled inputs.`,
  options: {
    k: { type: "ints", min: 1, default: [], doc: "tokens to keep, at most those of the place" },
    fraction: { type: "numbers", default: [], doc: "fraction of the tokens to keep, above 0, at most 1" },
    share: {
      type: "number",
      default: 0,
      doc: "keep tokens that reach this share of the way from the smallest score to the largest, above 0, at most 1; 0: not given",
    },
    floor: { type: "int", min: 1, default: 1, doc: "with share: fewest tokens to keep" },
    capacity: { type: "int", min: 0, default: 0, doc: "with share: most tokens to keep; 0: all of the place" },
    overflow: {
      type: "word",
      oneOf: ["error", "keep-best"],
      default: "error",
      doc: "with share: what happens to an input with more than capacity such tokens",
    },
    before: {
      type: "word",
      oneOf: ["attention", "mlp", "both"],
      default: "attention",
      doc: "where tokens are left out",
    },
    drop: {
      type: "word",
      oneOf: ["kv", "residual"],
      default: "kv",
      doc: "what an attention leaves out of a token: its key and value, or its whole branch; an MLP always its branch",
    },
    cue: {
      type: "word",
      oneOf: ["rate", "first-spike", "interval", "sparta", "relevance"],
      default: "rate",
      doc: "what makes a token important",
    },
    alpha: { type: "number", default: 1, doc: "cue = sparta: weight of early first spikes" },
    beta: { type: "number", default: 1, doc: "cue = sparta: weight of short intervals" },
    gamma: { type: "number", default: 1, doc: "cue = sparta: weight of high rates" },
    scope: { type: "word", oneOf: ["sample", "chunk"], default: "sample", doc: "timesteps that a decision looks at" },
    project: {
      type: "word",
      oneOf: ["all", "kept"],
      default: "all",
      doc: "tokens whose projections an attention computes: all, or those that are kept",
    },
    layers: {
      type: "name",
      default: "all",
      doc: "all, or the places whose first neuron's layer begins with this name",
    },
  },
  counters: {
    "places-sparsified": "attentions and MLPs whose tokens were selected",
    "branches-masked": "of these, branches that leave the stream of a token alone",
    "tokens-kept": "tokens kept (with share: at most), all places together",
    "tokens-masked": "tokens left out (with share: at least), all places together",
    "projections-masked": "weighted layers on the scored spikes that see the kept tokens alone",
    "attentions-skipped":
      "attentions that were masked before, or whose keys and values are not projected from one map of spikes",
  },
  exactness: {
    kind: "bounded",
    metric: "accuracy lost on labelled inputs",
    limit: "the change that `spikec sweep-k` measures for this k and cue; none where k is the number of tokens",
  },
  idempotent: true,
  requires: [],
  ensures: [],
  mayEnsure: [],
  run(net: Net, context) {
    const filter = { before: context.word("before"), layers: context.word("layers") };
    const { places, others } = findSelections(net);
    const rules = rulesFor(places, filter, context);
    if (rules === undefined) return net;
    const masked = places.filter((place) => place.attention !== undefined && place.selected);
    context.count("attentions-skipped", masked.length + others);
    const edits = new OpEdits(net);
    for (const [place, rule] of rules) {
      // Where every token fits nothing needs a score.
      if (!place.selected && rule.least < place.tokens) select(place, rule, context, edits);
    }
    return edits.finish();
  },
  examples: [
    {
      doc: "one of two tokens, decided chunk by chunk",
      pipeline: "sparsify-top-k{k=1 scope=chunk}",
      before: `net @example(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1]
  %s = neuron.lif %x : spike<2t, 2x2> layer("shortcut_lif")
  %i = synapse.dense %s, @w : real<2t, 2x2>
  %k = neuron.lif %i : spike<2t, 2x2> layer("k_lif")
  %j = synapse.dense %s, @w : real<2t, 2x2>
  %v = neuron.lif %j : spike<2t, 2x2> layer("v_lif")
  %o = attention.statten %s, %k, %v {heads = 1, chunk = 1, scale = 0.5} : real<2t, 2x2>
  return %o
}`,
      after: `net @example(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1]
  %s = neuron.lif %x : spike<2t, 2x2> layer("shortcut_lif")
  %i = synapse.dense %s, @w : real<2t, 2x2>
  %k = neuron.lif %i : spike<2t, 2x2> layer("k_lif")
  %j = synapse.dense %s, @w : real<2t, 2x2>
  %v = neuron.lif %j : spike<2t, 2x2> layer("v_lif")
  %0 = tokens.score %s {cue = rate, chunk = 1} : real<2t, 2>
  %1 = tokens.top-k %0 {k = 1} : spike<2t, 2>
  %2 = mask.tokens %k, %1 : spike<2t, 2x2>
  %3 = mask.tokens %v, %1 : spike<2t, 2x2>
  %o = attention.statten %s, %2, %3 {heads = 1, chunk = 1, scale = 0.5} : real<2t, 2x2>
  return %o
}`,
    },
    {
      doc: "the MLP of a token that comes half as far as the best, timestep by timestep; the others keep their stream",
      pipeline: "sparsify-top-k{share=0.5 before=mlp scope=chunk}",
      before: `net @example(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1] + [0.5, 0.5]
  %s = neuron.lif %x : spike<2t, 2x2> layer("fc1_lif")
  %i = synapse.dense %s, @w : real<2t, 2x2>
  %h = neuron.lif %i : spike<2t, 2x2> layer("fc2_lif")
  %b = synapse.dense %h, @w : real<2t, 2x2>
  %y = stream.add %x, %b : real<2t, 2x2>
  return %y
}`,
      after: `net @example(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1] + [0.5, 0.5]
  %s = neuron.lif %x : spike<2t, 2x2> layer("fc1_lif")
  %0 = tokens.score %s {cue = rate, chunk = 1} : real<2t, 2>
  %1 = tokens.top-share %0 {share = 0.5, floor = 1, capacity = 2, overflow = error} : spike<2t, 2>
  %2 = mask.tokens %s, %1 : spike<2t, 2x2>
  %i = synapse.dense %2, @w : real<2t, 2x2>
  %h = neuron.lif %i : spike<2t, 2x2> layer("fc2_lif")
  %3 = mask.tokens %h, %1 : spike<2t, 2x2>
  %b = synapse.dense %3, @w : real<2t, 2x2>
  %4 = mask.tokens %b, %1 : real<2t, 2x2>
  %y = stream.add %x, %4 : real<2t, 2x2>
  return %y
}`,
    },
    {
      doc: "one token passes through the attention's branch, and both of them (all there are) through the MLP",
      pipeline: "sparsify-top-k{k=[1,2] before=both drop=residual cue=interval}",
      before: `net @example(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1] + [0.5, 0.5]
  %s = neuron.lif %x : spike<2t, 2x2> layer("shortcut_lif")
  %i = synapse.dense %s, @w : real<2t, 2x2>
  %k = neuron.lif %i : spike<2t, 2x2> layer("k_lif")
  %j = synapse.dense %s, @w : real<2t, 2x2>
  %v = neuron.lif %j : spike<2t, 2x2> layer("v_lif")
  %o = attention.statten %s, %k, %v {heads = 1, chunk = 2, scale = 0.5} : real<2t, 2x2>
  %a = neuron.lif %o : spike<2t, 2x2> layer("attn_lif")
  %p = synapse.dense %a, @w : real<2t, 2x2>
  %y = stream.add %x, %p : real<2t, 2x2>
  %h = neuron.lif %y : spike<2t, 2x2> layer("fc1_lif")
  %b = synapse.dense %h, @w : real<2t, 2x2>
  %z = stream.add %y, %b : real<2t, 2x2>
  return %z
}`,
      after: `net @example(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1] + [0.5, 0.5]
  %s = neuron.lif %x : spike<2t, 2x2> layer("shortcut_lif")
  %i = synapse.dense %s, @w : real<2t, 2x2>
  %k = neuron.lif %i : spike<2t, 2x2> layer("k_lif")
  %j = synapse.dense %s, @w : real<2t, 2x2>
  %v = neuron.lif %j : spike<2t, 2x2> layer("v_lif")
  %0 = tokens.score %s {cue = interval, chunk = 0} : real<1t/2, 2>
  %1 = tokens.top-k %0 {k = 1} : spike<1t/2, 2>
  %2 = mask.tokens %k, %1 : spike<2t, 2x2>
  %3 = mask.tokens %v, %1 : spike<2t, 2x2>
  %4 = mask.tokens %s, %1 : spike<2t, 2x2>
  %o = attention.statten %4, %2, %3 {heads = 1, chunk = 2, scale = 0.5} : real<2t, 2x2>
  %a = neuron.lif %o : spike<2t, 2x2> layer("attn_lif")
  %5 = mask.tokens %a, %1 : spike<2t, 2x2>
  %p = synapse.dense %5, @w : real<2t, 2x2>
  %6 = mask.tokens %p, %1 : real<2t, 2x2>
  %y = stream.add %x, %6 : real<2t, 2x2>
  %h = neuron.lif %y : spike<2t, 2x2> layer("fc1_lif")
  %b = synapse.dense %h, @w : real<2t, 2x2>
  %z = stream.add %y, %b : real<2t, 2x2>
  return %z
}`,
    },
  ],
});
