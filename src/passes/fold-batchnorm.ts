import { usersOf, valueTypes, type Op } from "../ir/index.js";
import { foldableChain, whyLeft } from "./batch-norm-chain.js";
import { NO_BATCHNORM, NO_FOLDABLE_BATCHNORM } from "./facts.js";
import { definePass } from "./pass.js";
import { chainIdentity, changedName, constantReaders } from "./rewrite.js";

export const foldBatchnorm = definePass({
  name: "fold-batchnorm",
  summary: "batch norms behind convolutions and dense layers into their weights and bias",
  description: `w' = w * a and b' = b * a + shift per output channel, computed in doubles and put on the weight grid again;
a = gamma / sqrt(variance + eps), shift = beta - mean * a. A chain of batch norms is composed first and rounded once.
A batch norm stays, and is counted, when the value before it has another reader or is an output, when no weighted op is
before it, or when the folded sums would not be exact; --explain prints the reason for each. Constants left without a reader are removed by drop-dead.`,
  options: {},
  counters: {
    "batchnorms-folded": "batch norms that became part of weights and bias",
    "batchnorms-left": "batch norms that could not be folded",
  },
  exactness: {
    kind: "exact-in-reals",
    why: "the unfolded form rounds the current, the product and the sum to f32; the folded one rounds weights to 24 bits and the sum once",
  },
  idempotent: true,
  requires: [],
  ensures: [NO_FOLDABLE_BATCHNORM],
  mayEnsure: [NO_BATCHNORM],
  run(net, context) {
    const users = usersOf(net);
    const types = valueTypes(net);
    const readers = constantReaders(net);
    const constants = new Map(net.constants);
    const replacement = new Map<Op, Op | undefined>();
    for (const op of net.ops) {
      const chain = foldableChain(net, op, users, types);
      const last = chain?.norms[chain.norms.length - 1];
      if (chain === undefined || last === undefined) continue;
      const [symbol = ""] = op.symbols;
      const name = changedName(symbol, readers.get(symbol) ?? 0, constants);
      constants.set(name, chain.weights);
      readers.set(symbol, (readers.get(symbol) ?? 0) - 1);
      const links = [op, ...chain.norms];
      for (const link of links) replacement.set(link, undefined);
      const { name: kind, operands, attrs } = op;
      replacement.set(last, { name: kind, operands, attrs, symbols: [name], ...chainIdentity(links) });
      context.count("batchnorms-folded", chain.norms.length);
    }
    const ops = net.ops.flatMap((op) => (replacement.has(op) ? (replacement.get(op) ?? []) : [op]));
    const left = ops.filter((op) => op.name === "norm.batch");
    context.count("batchnorms-left", left.length);
    const folded = replacement.size === 0 ? net : { ...net, ops, constants };
    if (left.length > 0) {
      const usersNow = usersOf(folded);
      const rows = left.map((norm) => [norm.layer?.name ?? `%${norm.result}`, whyLeft(folded, norm, usersNow)]);
      context.table({ title: "batch norms left", header: ["batch norm", "why"], rows });
    }
    return folded;
  },
  examples: [
    {
      doc: "the scale 2 / sqrt(0.25) = 4 goes into the weights, -mean * 4 + beta into the bias",
      pipeline: "fold-batchnorm,drop-dead",
      before: `net @example(%x: spike<1t, 2>) -> real<1t, 1> {
  const @w : weights<2x1> = [1, 0.5]
  const @gamma : real<1> = [2]
  const @beta : real<1> = [0.5]
  const @mean : real<1> = [1]
  const @var : real<1> = [0.25]
  %i = synapse.dense %x, @w : real<1t, 1>
  %y = norm.batch %i, @gamma, @beta, @mean, @var {eps = 0} : real<1t, 1>
  return %y
}`,
      after: `net @example(%x: spike<1t, 2>) -> real<1t, 1> {
  const @w : weights<2x1> = [4, 2] + [-3.5]
  %y = synapse.dense %x, @w : real<1t, 1>
  return %y
}`,
    },
    {
      doc: "the current has a second reader, so its batch norm stays",
      before: `net @example(%x: spike<1t, 2>) -> real<1t, 1> {
  const @w : weights<2x1> = [1, 0.5]
  const @one : real<1> = [1]
  const @zero : real<1> = [0]
  %i = synapse.dense %x, @w : real<1t, 1>
  %n = norm.batch %i, @one, @zero, @zero, @one : real<1t, 1>
  %y = stream.add %i, %n : real<1t, 1>
  return %y
}`,
      after: `net @example(%x: spike<1t, 2>) -> real<1t, 1> {
  const @w : weights<2x1> = [1, 0.5]
  const @one : real<1> = [1]
  const @zero : real<1> = [0]
  %i = synapse.dense %x, @w : real<1t, 1>
  %n = norm.batch %i, @one, @zero, @zero, @one : real<1t, 1>
  %y = stream.add %i, %n : real<1t, 1>
  return %y
}`,
    },
  ],
});
