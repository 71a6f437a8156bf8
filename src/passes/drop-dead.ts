import type { Net, Op } from "../ir/index.js";
import { definePass } from "./pass.js";

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

export const dropDead = definePass({
  name: "drop-dead",
  summary: "removes ops and constants that no output needs",
  description: `An op stays when an output reads its value, directly or through other ops; state that nothing reads does not count.
Inputs always stay, because they are the net's interface. Layers that lose their neurons are counted and named, so that
validation does not miss them.`,
  options: {},
  counters: {
    "ops-dropped": "ops that no output needed",
    "constants-dropped": "constants that no op reads",
    "layers-dropped": "layers of the source model that were dropped with their neurons",
  },
  exactness: { kind: "exact" },
  idempotent: true,
  requires: [],
  ensures: [],
  mayEnsure: [],
  run(net, context) {
    const live = liveValues(net);
    const ops = net.ops.filter((op) => live.has(op.result));
    const read = readConstants(ops);
    const constants = new Map([...net.constants].filter(([name]) => read.has(name)));
    context.count("ops-dropped", net.ops.length - ops.length);
    context.count("constants-dropped", net.constants.size - constants.size);
    for (const op of net.ops) {
      if (op.layer === undefined || live.has(op.result)) continue;
      context.count("layers-dropped");
      context.removeLayer(op.layer.name);
    }
    const same = ops.length === net.ops.length && constants.size === net.constants.size;
    return same ? net : { ...net, ops, constants };
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
  ],
});
