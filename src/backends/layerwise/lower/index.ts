import type { Net, Op } from "../../../ir/index.js";
import { printType } from "../../../ir/index.js";
import { layerwiseDiagnostics } from "../diagnostics.js";
import { supportedOps, supportOf, type supportMatrix } from "../support.js";
import { nameOf } from "../values.js";
import { addStage } from "./add.js";
import { constantMap } from "./constant.js";
import { attentionQStage, kvStage, stattenStage } from "./attention.js";
import { locationOf, type LowerContext } from "./context.js";
import { neuronStage, thresholdStage } from "./neuron.js";
import { maskStage, planePoolStage, poolStage } from "./pool.js";
import { meanPositionsStage, meanTimeStage, sumPositionsStage, toIntStage, toRealStage } from "./reduce.js";
import { sliceStage } from "./slice.js";
import { maskTokensStage, relevanceStage, scoreStage, topKStage } from "./tokens.js";
import { weightedStage } from "./weighted.js";

type Matrix = typeof supportMatrix;
type Lowered = { [O in keyof Matrix]: Matrix[O] extends { readonly lowering: string } ? O : never }[keyof Matrix];

/** One lowering per supported op: each adds the stages of an op, or reports why it cannot. */
const LOWERINGS: Readonly<Record<Lowered, (context: LowerContext, op: Op) => void>> = {
  "synapse.conv": weightedStage,
  "synapse.dense": weightedStage,
  "neuron.lif": neuronStage,
  "neuron.threshold": thresholdStage,
  "pool.max": poolStage,
  "pool.or": poolStage,
  "pool.plane": planePoolStage,
  "stream.add": addStage,
  "mask.and": maskStage,
  "reduce.sum-positions": sumPositionsStage,
  "reduce.mean-positions": meanPositionsStage,
  "reduce.mean-time": meanTimeStage,
  "attention.statten": stattenStage,
  "attention.kv": kvStage,
  "attention.q": attentionQStage,
  "channels.slice": sliceStage,
  "tokens.score": scoreStage,
  "tokens.relevance": relevanceStage,
  "tokens.top-k": topKStage,
  "tokens.top-share": topKStage,
  "mask.tokens": maskTokensStage,
  "to-real": toRealStage,
  "to-int": toIntStage,
  constant: constantMap,
};

/** Ops whose results may hold for a chunk: counters, and scores and masks, which lie there once per timestep. */
const PER_CHUNK = new Set(["attention.kv", "tokens.score", "tokens.relevance", "tokens.top-k", "tokens.top-share"]);

const TABLE: ReadonlyMap<string, (context: LowerContext, op: Op) => void> = new Map(Object.entries(LOWERINGS));

/** Makes the stages of a net; everything that cannot be lowered is reported. */
export function lowerNet(context: LowerContext): void {
  const { net, timing } = context.facts;
  for (const { name, type } of net.inputs) {
    if (type.time.period !== 1 && type.time.count !== 1) refuseTime(context, `input \`${name}\``, printType(type));
    context.inputMap(name, type);
  }
  const refused = new Map<string, readonly Op[]>();
  for (const op of net.ops) {
    const lowering = TABLE.get(op.name);
    if (lowering === undefined) {
      refused.set(op.name, [...(refused.get(op.name) ?? []), op]);
      continue;
    }
    const { count, period } = op.type.time;
    const perChunk = PER_CHUNK.has(op.name) && !context.facts.isOutput(op.result);
    if (!perChunk && period !== 1 && count !== 1) {
      refuseTime(context, `\`${nameOf(op)}\` (${op.name})`, printType(op.type));
      continue;
    }
    if (op.name === "neuron.lif" && fusedInFront(context, op)) continue;
    lowering(context, op);
  }
  for (const ops of refused.values()) refuseOps(context, ops);
  if (timing.timesteps === 0) {
    context.report.add(layerwiseDiagnostics.make("unsupported-value", "the net has no values"));
  }
}

/** What leaves the net must be a data map. */
export function checkOutputs(context: LowerContext, outputs: Net["outputs"]): void {
  for (const { name, value } of outputs) {
    const map = context.mapOf(value);
    const type = context.facts.types.get(value);
    if (map === undefined || type === undefined) continue;
    if (map.memory === "data" && map.port === undefined) continue;
    const what =
      map.memory === "spike"
        ? `bits in the spike memory`
        : `no more than ${map.port?.kind === "constant" ? "a constant" : "an input"} of the net`;
    context.report.add(
      layerwiseDiagnostics.make(
        "unsupported-value",
        `output \`${name}\` (${printType(type)}) is ${what}; outputs are data maps`,
        {
          hint: "return the currents or a reduction of the spikes; spikes are recorded by layer",
        },
      ),
    );
  }
}

/** Says once for all ops of one name why they cannot run, and where the first of them is. */
function refuseOps(context: LowerContext, [op, ...others]: readonly Op[]): void {
  if (op === undefined) return;
  const support = supportOf(op.name);
  const why = "reason" in support ? support.reason : "the op has no lowering";
  const hint = "hint" in support ? support.hint : supportedOps();
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const message = `\`${nameOf(op)}\`${more} (${op.name}) cannot run: ${why}`;
  const location = locationOf(op);
  const notes = [{ message: supportedOps() }];
  context.report.add(layerwiseDiagnostics.make("unsupported-op", message, { hint, notes, location }));
}

function refuseTime(context: LowerContext, what: string, type: string): void {
  const { timesteps } = context.timing;
  const message = `${what} is ${type}; the chip holds values per timestep (${timesteps}t) or per sample (1t/${timesteps})`;
  context.report.add(layerwiseDiagnostics.make("unsupported-value", message));
}

/** The neuron was lowered with the weighted op in front of it. */
function fusedInFront(context: LowerContext, op: Op): boolean {
  const producer = context.facts.producers.get(op.operands[0] ?? "");
  return producer !== undefined && context.facts.fusedNeuron(producer) === op;
}
