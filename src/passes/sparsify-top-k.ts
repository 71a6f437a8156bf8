import {
  channelsOf,
  checkOp,
  positionsOf,
  usersOf,
  valueTypes,
  type AttrValue,
  type Net,
  type Op,
  type ValueType,
  isSpike,
} from "../ir/index.js";
import { internalError } from "../diagnostics/index.js";
import { definePass, type PassContext } from "./pass.js";

/** Keys and values of an attention, and the spikes from which both are projected. */
interface Block {
  /** Name of the shortcut's layer. */
  readonly name: string;
  readonly op: Op;
  /** Positions of k and v among the operands. */
  readonly k: number;
  readonly v: number;
  readonly shortcut: string;
  readonly tokens: number;
  readonly chunk: number;
  readonly heads: number;
  /** The dense layers of k and v, where leaving out a token in front of them changes no other token and no other reader. */
  readonly projections: readonly Op[] | undefined;
}

const PROJECTIONS = new Set(["synapse.dense", "synapse.conv"]);
/** Ops between a neuron and an attention, or a projection and its neuron, that keep tokens apart or pool spikes. */
const TRANSPARENT = new Set(["pool.or", "norm.batch", "neuron.lif"]);

/** The spikes that a key or value is projected from: back over its neuron to the weighted op. */
function sourceOf(value: string, producers: ReadonlyMap<string, Op>): string | undefined {
  let neurons = 0;
  for (let op = producers.get(value); op !== undefined; op = producers.get(op.operands[0] ?? "")) {
    if (PROJECTIONS.has(op.name)) return neurons === 1 ? op.operands[0] : undefined;
    if (!TRANSPARENT.has(op.name)) return undefined;
    if (op.name === "neuron.lif") neurons++;
  }
  return undefined;
}

/** The dense layer in front of a key or value, if everything up to the attention works token by token and for it alone. */
function tokenwiseProjection(
  value: string,
  producers: ReadonlyMap<string, Op>,
  users: ReadonlyMap<string, readonly Op[]>,
  outputs: ReadonlySet<string>,
): Op | undefined {
  for (let op = producers.get(value); op !== undefined; op = producers.get(op.operands[0] ?? "")) {
    if ((users.get(op.result) ?? []).length !== 1 || outputs.has(op.result)) return undefined;
    if (op.name === "synapse.dense") return op;
    if (op.name !== "neuron.lif" && op.name !== "norm.batch") return undefined;
  }
  return undefined;
}

/** Where k and v are, if this op is an attention: K^T V, or k AND v summed over the tokens (SDSA). */
function keysAndValues(op: Op, users: ReadonlyMap<string, readonly Op[]>): readonly [number, number] | undefined {
  switch (op.name) {
    case "attention.statten":
      return [1, 2];
    case "attention.kv":
      return [0, 1];
    case "mask.and": {
      const sums = (users.get(op.result) ?? []).some(
        (user) =>
          user.name === "reduce.sum-positions" ||
          (user.name === "pool.plane" && users.get(user.result)?.some((next) => next.name === "reduce.sum-positions")),
      );
      return sums ? [0, 1] : undefined;
    }
    default:
      return undefined;
  }
}

interface Found {
  readonly blocks: readonly Block[];
  /** Attentions whose tokens are selected already, and those whose keys and values do not come from one place. */
  readonly selected: number;
  readonly others: number;
}

function findBlocks(net: Net, types: ReadonlyMap<string, ValueType>): Found {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const users = usersOf(net);
  const outputs = new Set(net.outputs.map((output) => output.value));
  const blocks: Block[] = [];
  let [selected, others] = [0, 0];
  for (const op of net.ops) {
    const places = keysAndValues(op, users);
    if (places === undefined) continue;
    const [k, v] = places;
    const [keys = "", values = ""] = [op.operands[k], op.operands[v]];
    if (producers.get(keys)?.name === "mask.tokens" || producers.get(values)?.name === "mask.tokens") {
      selected++;
      continue;
    }
    const shortcut = sourceOf(keys, producers);
    const type = types.get(shortcut ?? "");
    const keyType = types.get(keys);
    // Cues are read from spikes, one slot per timestep.
    const scored = type !== undefined && isSpike(type) && type.time.period === 1;
    const same = shortcut !== undefined && shortcut === sourceOf(values, producers);
    if (!same || !scored || keyType === undefined || positionsOf(type) !== positionsOf(keyType)) {
      others++;
      continue;
    }
    const attr = (name: string): number | undefined => {
      const value = op.attrs[name];
      return typeof value === "number" ? value : undefined;
    };
    const name = producers.get(shortcut)?.layer?.name ?? shortcut;
    // SDSA works per timestep and channel: every channel is a head of its own.
    const [chunk, heads] = [attr("chunk") ?? 1, attr("heads") ?? channelsOf(keyType)];
    const dense = [keys, values].flatMap((value) => tokenwiseProjection(value, producers, users, outputs) ?? []);
    const projections = dense.length === 2 ? dense : undefined;
    blocks.push({ name, op, k, v, shortcut, tokens: positionsOf(type), chunk, heads, projections });
  }
  return { blocks, selected, others };
}

const DEFAULT_FRACTION = 0.5;

/** Tokens to keep in a block; nothing, with a report, where the options do not fit it. */
function keptOf(block: Block, context: PassContext): number | undefined {
  const [k, fraction] = [context.number("k"), context.number("fraction")];
  if (k > block.tokens) {
    const message = `k = ${k}, but \`${block.name}\` has ${block.tokens} tokens`;
    return context.complainOption("k", message, `use k = 1 to ${block.tokens}`);
  }
  return k > 0 ? k : Math.max(1, Math.ceil(block.tokens * (fraction || DEFAULT_FRACTION)));
}

/** The options against each other and the net. */
function checkOptions(blocks: readonly Block[], context: PassContext): boolean {
  const [k, fraction, layers] = [context.number("k"), context.number("fraction"), context.word("layers")];
  const complain = (option: string, message: string, hint: string): false => {
    context.complainOption(option, message, hint);
    return false;
  };
  if (k > 0 && fraction > 0)
    return complain("fraction", `\`k\` and \`fraction\` both say how many tokens stay`, "give one of them");
  if (fraction < 0 || fraction > 1) {
    const message = `\`fraction\` expects a number above 0, at most 1, got ${fraction}`;
    return complain("fraction", message, "use 0.25 for a quarter");
  }
  if (context.word("project") === "kept" && context.word("cue") === "relevance") {
    const message = "`cue = relevance` looks at keys and values of all tokens";
    return complain("cue", message, "use project = all, or another cue");
  }
  const weight = ["alpha", "beta", "gamma"].find((name) => context.isGiven(name));
  if (weight !== undefined && context.word("cue") !== "sparta") {
    const message = `\`${weight}\` weighs a part of \`cue = sparta\`, the cue is ${context.word("cue")}`;
    return complain(weight, message, "add cue=sparta, or leave it out");
  }
  if (layers !== "all" && !blocks.some((block) => inLayers(block, layers))) {
    const names = blocks.map((block) => block.name);
    const hint =
      names.length === 0
        ? "the net has no attention whose tokens can be selected"
        : `use all, ${names.join(", ")}, or how one of them begins`;
    return complain("layers", `no attention has the name \`${layers}\``, hint);
  }
  return true;
}

/** `block.1` names `block.1.attn.shortcut_lif`, and not `block.10...`. */
function inLayers({ name }: Block, layers: string): boolean {
  return layers === "all" || name === layers || name.startsWith(`${layers}.`);
}

/** Names for new values: numbers that no value has. */
function freshNames(net: Net): () => string {
  const taken = new Set(valueTypes(net).keys());
  let next = 0;
  return () => {
    while (taken.has(String(next))) next++;
    return String(next++);
  };
}

/** Adds ops with fresh names; types are inferred. */
class Adder {
  private readonly names: () => string;
  private readonly added: Op[] = [];

  constructor(
    private readonly net: Net,
    private readonly types: Map<string, ValueType>,
  ) {
    this.names = freshNames(net);
  }

  /** The ops added since the last call. */
  take(): readonly Op[] {
    return this.added.splice(0);
  }

  op(name: string, operands: readonly string[], attrs: Readonly<Record<string, AttrValue>>): string {
    const draft = { name, result: this.names(), operands, symbols: [], attrs };
    const operandTypes = operands.flatMap((operand) => this.types.get(operand) ?? []);
    const checked = checkOp(draft, operandTypes, this.net.constants);
    if ("faults" in checked) throw internalError(checked.faults.map((fault) => fault.diagnostic.message).join("; "));
    this.added.push({ ...draft, type: checked.type });
    this.types.set(draft.result, checked.type);
    return draft.result;
  }
}

/** Replaces the attention, and its projections where they leave tokens out, by ops on masked spikes. */
function sparsify(block: Block, keep: number, net: Net, adder: Adder, context: PassContext): Map<Op, readonly Op[]> {
  const { op, k, v, heads, shortcut } = block;
  const [keys = "", values = ""] = [op.operands[k], op.operands[v]];
  const cue = context.word("cue");
  const scope = { chunk: context.word("scope") === "chunk" ? block.chunk : 0 };
  const weights: Record<string, AttrValue> =
    cue === "sparta" ? Object.fromEntries(["alpha", "beta", "gamma"].map((name) => [name, context.number(name)])) : {};
  const score =
    cue === "relevance"
      ? adder.op("tokens.relevance", [keys, values], { heads, ...scope })
      : adder.op("tokens.score", [shortcut], { cue, ...weights, ...scope });
  const mask = adder.op("tokens.top-k", [score], { k: keep });
  const replaced = new Map<Op, readonly Op[]>();
  if (context.word("project") === "kept" && block.projections !== undefined) {
    const kept = adder.op("mask.tokens", [shortcut, mask], {});
    // The first of them in the net's order brings the mask along.
    for (const projection of net.ops.filter((one) => block.projections?.includes(one))) {
      replaced.set(projection, [...adder.take(), { ...projection, operands: [kept] }]);
    }
    context.count("projections-masked", replaced.size);
  }
  const operands = op.operands.map((value, i) =>
    i === k || i === v ? adder.op("mask.tokens", [value, mask], {}) : value,
  );
  replaced.set(op, [...adder.take(), { ...op, operands }]);
  context.count("blocks-sparsified");
  context.count("tokens-kept", keep);
  context.count("tokens-masked", block.tokens - keep);
  return replaced;
}

/** The most tokens that every attention of a net can keep; undefined where no attention's tokens can be selected. */
export function selectableTokens(net: Net, layers = "all"): number | undefined {
  const { blocks } = findBlocks(net, valueTypes(net));
  const tokens = blocks.filter((block) => inLayers(block, layers)).map((block) => block.tokens);
  return tokens.length === 0 ? undefined : Math.min(...tokens);
}

export const sparsifyTopK = definePass({
  name: "sparsify-top-k",
  summary: "keys and values of the k most important tokens alone; the others add nothing to K^T V",
  description: `m = top-k(score(s)), k' = m AND k, v' = m AND v, per attention: s are the spikes from which keys and values are projected
(the shortcut neuron), the score is one of \`tokens.score\` on s or \`tokens.relevance\` on k and v. Queries and the residual
stream stay whole, so every token still reads what the kept ones say. Kept are k tokens, or fraction of them, rounded up (half
of them when neither is given); equal scores are decided for the lower token. Nothing changes where all tokens are kept. With scope = sample a decision looks at all T timesteps (a barrier: the mask exists after the
last one); with scope = chunk at those of the attention's chunk, and the net stays causal from chunk to chunk.
With project = kept the projections of k and v read m AND s, so that tokens left out cost nothing there either; k' and v' are
the same, the unmasked spikes of k and v at tokens left out are not. Projections whose result is pooled or read elsewhere stay whole.
Bounded: what it costs in accuracy is measured, not proved; \`spikec sweep-k\` prints it for labelled inputs.`,
  options: {
    k: { type: "int", min: 0, default: 0, doc: "tokens to keep; at most those of the attention; 0: see fraction" },
    fraction: { type: "number", default: 0, doc: "fraction of the tokens to keep, above 0, at most 1; 0: not given" },
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
      doc: "tokens whose keys and values are computed: all, or those that are kept",
    },
    layers: { type: "name", default: "all", doc: "all, or the attentions whose shortcut layer begins with this name" },
  },
  counters: {
    "blocks-sparsified": "attentions whose keys and values were masked",
    "tokens-kept": "tokens kept, all attentions together",
    "tokens-masked": "tokens whose keys and values are masked, all attentions together",
    "projections-masked": "dense layers of keys and values that see the kept tokens alone",
    "blocks-skipped":
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
  run(net, context) {
    const types = new Map(valueTypes(net));
    const { blocks, selected, others } = findBlocks(net, types);
    if (!checkOptions(blocks, context)) return net;
    context.count("blocks-skipped", selected + others);
    const replacements = new Map<Op, readonly Op[]>();
    const adder = new Adder(net, types);
    for (const block of blocks) {
      if (!inLayers(block, context.word("layers"))) continue;
      const keep = keptOf(block, context);
      if (keep === undefined) return net;
      if (keep >= block.tokens) continue;
      for (const [op, ops] of sparsify(block, keep, net, adder, context)) replacements.set(op, ops);
    }
    if (replacements.size === 0) return net;
    return { ...net, ops: net.ops.flatMap((op) => replacements.get(op) ?? [op]) };
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
  ],
});
