import { OPS } from "../../ir/index.js";

/** What the backend does with an op of the IR. */
export type Support = { readonly lowering: string } | { readonly reason: string; readonly hint: string };

const pass = (name: string): string => `run the pass \`${name}\` first`;

/** What only `legalize` for step-by-step chips writes. */
const forSteps = (instead: string): Support => ({
  reason: "it is a form for step-by-step chips",
  hint: `compile the net as it was before legalisation${instead}`,
});

/** Every op of the IR takes a stand here; a test compares the keys with `OPS`. */
export const supportMatrix = {
  "synapse.conv": { lowering: "accumulate on spikes and counts, multiply on real and integer maps" },
  "synapse.dense": { lowering: "accumulate on spikes and counts, multiply on real and integer maps" },
  "norm.batch": { reason: "the chip has no batch-norm", hint: pass("fold-batchnorm") },
  "neuron.lif": { lowering: "fire, fused with the weighted op in front of it" },
  "neuron.loihi": {
    reason: "the chip's neurons have no synaptic current with a memory of its own",
    hint: "compile for a step-by-step chip",
  },
  "neuron.threshold": { lowering: "fire with a potential that is lost whole in every timestep; no state memory" },
  "pool.max": { lowering: "pool-max on real and integer maps" },
  "pool.or": { lowering: "pool-or" },
  "pool.plane": { lowering: "pool-plane" },
  "stream.add": { lowering: "add on real or integer maps; add-planes on spikes and counts" },
  "mask.and": { lowering: "and" },
  "reduce.sum-positions": {
    lowering: "sum-positions on spikes, mean-positions on integer maps; a to-real behind it is fused",
  },
  "reduce.mean-positions": { lowering: "mean-positions on real maps; on integers with result = int" },
  "reduce.mean-time": { lowering: "mean-steps on real maps, on integers with result = int; after the last time block" },
  "attention.statten": { lowering: "attend-kv and attend-q per chunk and head" },
  "attention.kv": { lowering: "attend-kv, fused into each attention.q that reads it" },
  "attention.q": { lowering: "attend-q" },
  "channels.slice": { lowering: "read in place by the neurons behind it, where it starts at a channel block" },
  "tokens.score": { lowering: "score-tokens, one per decision" },
  "tokens.relevance": { lowering: "score-kv, one per decision" },
  "tokens.top-k": { lowering: "top-k, one per decision" },
  "tokens.top-share": { lowering: "top-k with a floor, one per decision" },
  "mask.tokens": { lowering: "mask-tokens on spikes, mask-data on real and integer maps" },
  "to-real": { lowering: "convert; fused into a reduce.sum-positions or attention.q in front of it" },
  "to-int": { lowering: "convert" },
  "synapse.one-to-one": forSteps(""),
  "pool.sum": forSteps(", with `pool.or` or `reduce.mean-positions`"),
  "pool.sum-plane": forSteps(", with `pool.plane`"),
  "stream.relay": forSteps(""),
  "repeat.positions": forSteps(", with `mask.and`"),
  "repeat.channels": forSteps(", with `mask.tokens`"),
  constant: { lowering: "a map in DRAM beside the weights, loaded where it is read" },
  delay: {
    reason: "the chip runs a layer over a whole time block and so cannot close a cycle",
    hint: "compile for a step-by-step chip",
  },
} satisfies Readonly<Record<string, Support>>;

/** The stand for an op, or a refusal for ops that nobody has looked at. */
export function supportOf(op: string): Support {
  const table: Readonly<Record<string, Support>> = supportMatrix;
  return table[op] ?? { reason: "the op has no lowering", hint: supportedOps() };
}

/** A hint that names what is supported. */
export function supportedOps(): string {
  const names = OPS.map((op) => op.name).filter((name) => {
    const table: Readonly<Record<string, Support>> = supportMatrix;
    const support = table[name];
    return support !== undefined && "lowering" in support;
  });
  return `supported: ${names.join(", ")}`;
}
