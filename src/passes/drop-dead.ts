import { positionsOf, sameType, valueTypes, viewOf, type Net, type Op } from "../ir/index.js";
import { dropChannels } from "./dead-channels.js";
import { definePass, type PassContext } from "./pass.js";
import { isZero, valueRanges, type Range } from "./ranges.js";

/** Weights on a grid no finer than f32 itself: their sums do not round to -0. */
const FINEST_GRID = 149;

/** Whether a value never holds -0, so that adding +0 keeps its bits. */
function hasNoNegativeZero(net: Net, value: string, producers: ReadonlyMap<string, Op>): boolean {
  const op = producers.get(value);
  if (op === undefined) return net.inputs.some(({ name, type }) => name === value && type.number.kind === "int");
  const [first = "", second = ""] = op.operands;
  if (op.type.number.kind === "int") return true;
  switch (op.name) {
    case "synapse.conv":
    case "synapse.dense": {
      const weights = net.constants.get(op.symbols[0] ?? "");
      const integers = viewOf(net, op).operand(0).number.kind === "int";
      return integers && weights?.kind === "weights" && weights.exponent.every((e) => e <= FINEST_GRID);
    }
    case "stream.add":
      return hasNoNegativeZero(net, first, producers) || hasNoNegativeZero(net, second, producers);
    case "pool.max":
    case "channels.slice":
      return hasNoNegativeZero(net, first, producers);
    case "to-real":
      return true;
    default:
      return false;
  }
}

/** Additions of a value that is always 0 pass the other operand on. */
function dropZeroAdditions(net: Net, ranges: ReadonlyMap<string, Range>, context: PassContext): Net {
  const zero = (value: string): boolean => {
    const found = ranges.get(value);
    return found !== undefined && isZero(found);
  };
  const candidates = net.ops.filter(
    (op) => op.name === "stream.add" && op.layer === undefined && op.operands.some(zero),
  );
  if (candidates.length === 0) return net;
  const types = valueTypes(net);
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const standsFor = new Map<string, string>();
  for (const op of candidates) {
    const [a = "", b = ""] = op.operands;
    const kept = zero(b) ? a : b;
    const type = types.get(kept);
    if (type === undefined || !sameType(type, op.type) || !hasNoNegativeZero(net, kept, producers)) continue;
    standsFor.set(op.result, standsFor.get(kept) ?? kept);
  }
  if (standsFor.size === 0) return net;
  context.count("additions-removed", standsFor.size);
  const resolve = (name: string): string => standsFor.get(name) ?? name;
  return {
    ...net,
    ops: net.ops
      .filter((op) => !standsFor.has(op.result))
      .map((op) => (op.operands.some((o) => standsFor.has(o)) ? { ...op, operands: op.operands.map(resolve) } : op)),
    outputs: net.outputs.map((output) => ({ ...output, value: resolve(output.value) })),
  };
}

/** Neurons in channels whose potential stays below the threshold whatever the inputs are. */
function countSilent(net: Net, ranges: ReadonlyMap<string, Range>, context: PassContext): void {
  for (const op of net.ops) {
    if (op.name !== "neuron.lif" && op.name !== "neuron.threshold") continue;
    const silent = ranges.get(op.result)?.hi.reduce((n, hi) => n + (hi === 0 ? 1 : 0), 0) ?? 0;
    context.count("silent-neurons-counted", silent * positionsOf(op.type));
  }
}

/** Results that an output needs, directly or through other ops. */
function liveValues(net: Net): ReadonlySet<string> {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const live = new Set<string>();
  const pending = net.outputs.map((output) => output.value);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (live.has(name)) continue;
    live.add(name);
    pending.push(...(producers.get(name)?.operands ?? []));
  }
  return live;
}

function readConstants(ops: readonly Op[]): ReadonlySet<string> {
  const names = ops.flatMap((op) => [
    ...op.symbols,
    ...Object.values(op.attrs).flatMap((v) => (typeof v === "object" && "symbol" in v ? [v.symbol] : [])),
  ]);
  return new Set(names);
}

/** Removes ops that no output needs, and constants that no op reads. */
function dropUnused(net: Net, context: PassContext): Net {
  const live = liveValues(net);
  const ops = net.ops.filter((op) => live.has(op.result));
  const read = readConstants(ops);
  const constants = new Map([...net.constants].filter(([name]) => read.has(name)));
  if (ops.length === net.ops.length && constants.size === net.constants.size) return net;
  context.count("ops-dropped", net.ops.length - ops.length);
  context.count("constants-dropped", net.constants.size - constants.size);
  for (const op of net.ops) {
    if (op.layer === undefined || live.has(op.result)) continue;
    context.count("layers-dropped");
    context.removeLayer(op.layer.name);
  }
  return { ...net, ops, constants };
}

export const dropDead = definePass({
  name: "drop-dead",
  summary: "removes ops and constants that no output needs, and branches that are always 0",
  description: `An op stays when an output reads its value, directly or through other ops; state that nothing reads does not count.
Inputs always stay, because they are the net's interface. Layers that lose their neurons are counted and named, so that
validation does not miss them.
Ranges are proved per channel from weights and the types of inputs: sums of integers exactly; a neuron with v_reset = v0 = 0 stays below the
largest current where each charge averages (divide(tau >= 1), multiply(k <= 1): |h| <= max |x|), and below T times it for the other rules
without synaptic state, T the net's timesteps. A neuron whose bound is below its threshold never fires; its spikes are 0, so are masks,
attentions and sums of them, and weighted sums without bias. Where such a value is added to a stream, the addition goes and the branch with
it, if the stream cannot hold -0 (-0 + 0 is +0: another bit). A silent neuron op that something else reads becomes a constant in canonicalize.
Channels: one that all readers weigh with 0, or whose neurons never fire, is removed from the weights that make it, the parameters of batch norms
and neurons, and the weights that read it, where all its channels come from one weighted op (through batch norms and max-pools) and go into
weighted ops alone (through pools). Every value that is left keeps its bits. Channels that an attention, a mask, a stream or an output holds stay, and so do
those whose weights give an integer current its range. layer("mlp.lif", removed = [0..3, 7]) says which channels of the source
model are gone; validation compares the others.`,
  options: {},
  counters: {
    "ops-dropped": "ops that no output needed",
    "constants-dropped": "constants that no op reads",
    "additions-removed": "additions of a value that is always 0",
    "channels-removed": "channels of neuron layers that nobody reads or that never fire",
    "silent-neurons-counted": "neurons that can never fire, whether or not their op could be dropped",
    "layers-dropped": "layers of the source model that were dropped with their neurons",
  },
  exactness: { kind: "exact" },
  idempotent: true,
  requires: [],
  ensures: [],
  mayEnsure: [],
  run(given, context) {
    countSilent(given, valueRanges(given), context);
    let net = given;
    // Each may leave something to the others: a dead reader of a channel, a branch that nobody reads any more.
    for (let before: Net | undefined; before !== net;) {
      before = net;
      net = dropUnused(net, context);
      net = dropChannels(net, context);
      net = dropZeroAdditions(net, valueRanges(net), context);
    }
    return net;
  },
  examples: [
    {
      doc: "%unused and its constant are needed by nothing",
      before: `net @example(%x: real<2t, 2>) -> spike<2t, 2> {
  const @w : weights<2x2> = [1, 0, 0, 1]
  %unused = synapse.dense %x, @w : real<2t, 2>
  %s = neuron.lif %x : spike<2t, 2>
  return %s
}`,
      after: `net @example(%x: real<2t, 2>) -> spike<2t, 2> {
  %s = neuron.lif %x : spike<2t, 2>
  return %s
}`,
    },
    {
      doc: "a current of at most 0.75 never reaches the threshold 1, so the branch adds 0 to the stream",
      before: `net @example(%a: spike<2t, 2>) -> real<2t, 2> {
  const @stem : weights<2x2> = [1, 0, 0, 1]
  const @in : weights<2x2> = [0.5, 0.25, 0.25, 0.5]
  const @out : weights<2x2> = [3, 1, 1, 3]
  %x = synapse.dense %a, @stem : real<2t, 2>
  %i = synapse.dense %a, @in : real<2t, 2>
  %s = neuron.lif %i {v_th = 1} : spike<2t, 2> layer("mlp.lif")
  %o = synapse.dense %s, @out : real<2t, 2>
  %y = stream.add %x, %o : real<2t, 2>
  return %y
}`,
      after: `net @example(%a: spike<2t, 2>) -> real<2t, 2> {
  const @stem : weights<2x2> = [1, 0, 0, 1]
  %x = synapse.dense %a, @stem : real<2t, 2>
  return %x
}`,
    },
    {
      doc: "channel 0 never fires, channel 2 is read with weight 0",
      before: `net @example(%a: spike<2t, 2>) -> real<2t, 1> {
  const @in : weights<2x3> = [0.5, 1, 1, 0.25, 1, 0.5]
  const @th : real<3> = [1, 0.5, 0.25]
  const @out : weights<3x1> = [3, 2, 0]
  %i = synapse.dense %a, @in : real<2t, 3>
  %s = neuron.lif %i {v_th = @th} : spike<2t, 3> layer("mlp.lif")
  %y = synapse.dense %s, @out : real<2t, 1>
  return %y
}`,
      after: `net @example(%a: spike<2t, 2>) -> real<2t, 1> {
  const @in : weights<2x1> = [1, 1]
  const @th : real<1> = [0.5]
  const @out : weights<1x1> = [2]
  %i = synapse.dense %a, @in : real<2t, 1>
  %s = neuron.lif %i {v_th = @th} : spike<2t, 1> layer("mlp.lif", removed = [0, 2])
  %y = synapse.dense %s, @out : real<2t, 1>
  return %y
}`,
    },
  ],
});
