import { channelsOf, timestepsOf, type Op } from "../../../ir/index.js";
import { checkCounters } from "../limits.js";
import { addressOf, dataSlot, perChunk, spikeSlot, whole, type FeatureMap, type Place, type Tile } from "../stage.js";
import type { Group } from "../timing.js";
import { nameOf } from "../values.js";
import { formatCode, type LowerContext } from "./context.js";
import { spikeOperand } from "./pool.js";
import { resultMap } from "./reduce.js";

/** One attention: K^T V of each chunk and head into the counters, then Q times them. */
interface Attention {
  readonly op: Op;
  readonly q: FeatureMap;
  readonly k: FeatureMap;
  readonly v: FeatureMap;
  readonly output: FeatureMap;
  readonly heads: number;
  readonly chunk: number;
  readonly scale: number;
  readonly sequential: boolean;
  readonly kvLayer: number;
  readonly qLayer: number;
}

export function stattenStage(context: LowerContext, op: Op): void {
  const [q, k, v] = [0, 1, 2].map((i) => spikeOperand(context, op, i));
  if (q === undefined || k === undefined || v === undefined) return;
  const view = context.view(op);
  const chunk = view.number("chunk");
  const heads = view.number("heads");
  if (!checkCounters(context, op, q.channels / heads, chunk * q.positions)) return;
  const output = context.dataMap(op.result, op.type, "real");
  const layer = context.layer(op);
  const sequential = view.word("sum") === "sequential";
  attentionStage(context, {
    op,
    q,
    k,
    v,
    output,
    heads,
    chunk,
    sequential,
    scale: view.number("scale"),
    kvLayer: layer,
    qLayer: layer,
  });
}

/** K^T V leaves its counters only through the attention.q that read it; each of those fills them again. */
export function kvStage(context: LowerContext, op: Op): void {
  const users = context.facts.usersOf(op.result);
  const stray = users.find((user) => user.name !== "attention.q" || user.operands[0] === op.result);
  if (stray !== undefined || context.facts.isOutput(op.result) || users.length === 0) {
    const by = stray === undefined ? "leaves the net" : `is read by \`${nameOf(stray)}\` (${stray.name})`;
    context.refuse(op, `keeps its result in the counters of the attend engine, but it ${by}`, "supported: attention.q");
  }
}

export function attentionQStage(context: LowerContext, op: Op): void {
  const kv = context.facts.producers.get(op.operands[1] ?? "");
  if (kv?.name !== "attention.kv") {
    context.refuse(op, "needs counters from attention.kv", "supported: attention.kv in front of attention.q");
    return;
  }
  const [k, v] = [0, 1].map((i) => spikeOperand(context, kv, i));
  const q = spikeOperand(context, op, 0);
  if (q === undefined || k === undefined || v === undefined) return;
  const view = context.view(kv);
  const chunk = view.number("chunk");
  const heads = view.number("heads");
  if (!checkCounters(context, kv, q.channels / heads, chunk * k.positions)) return;
  if (q.positions !== k.positions) {
    context.refuse(op, `has ${q.positions} queries for ${k.positions} keys`);
    return;
  }
  const output = resultMap(context, op);
  attentionStage(context, {
    op,
    q,
    k,
    v,
    output,
    heads,
    chunk,
    sequential: false,
    scale: 1,
    kvLayer: context.layer(kv),
    qLayer: context.layer(op),
  });
}

/** The timesteps of a group that belong to a chunk. */
function piece(group: Group, first: number, steps: number): { bit: number; firstStep: number; steps: number } {
  const from = Math.max(group.first, first);
  const to = Math.min(group.first + group.steps, first + steps);
  return { bit: from - group.first, firstStep: from, steps: to - from };
}

function attentionStage(context: LowerContext, attention: Attention): void {
  const { op, q, k, v, output, chunk } = attention;
  context.stage({
    name: nameOf(op),
    phase: context.facts.phaseOf(op.result),
    layer: attention.qLayer,
    output,
    rows: 1,
    rowPositions: output.positions,
    operands: [whole(q), whole(k), whole(v)],
    channelBlocks: 1,
    stateWords: 0,
    weightWords: 0,
    units: (pass) => perChunk(pass, Math.min(chunk, timestepsOf(op.type.time))),
    emit(tile) {
      const [queries, keys, values] = tile.inputs;
      if (queries === undefined || keys === undefined || values === undefined) return;
      for (let head = 0; head < attention.heads; head++) {
        emitHead(tile, attention, head, { queries, keys, values });
      }
    },
  });
}

function emitHead(
  tile: Tile,
  { q, k, v, output, heads, scale, sequential, kvLayer, qLayer, op }: Attention,
  head: number,
  places: { readonly queries: Place; readonly keys: Place; readonly values: Place },
): void {
  const headDim = channelsOf(op.type) / heads;
  const shared = { blocks: q.blocks, positions: q.positions, head, headDim };
  for (const [i, group] of tile.pass.groups.entries()) {
    const fields = {
      ...shared,
      keys: addressOf(places.keys, spikeSlot(k, group), 0),
      values: addressOf(places.values, spikeSlot(v, group), 0),
      clear: i === 0 ? 1 : 0,
      ...piece(group, tile.pass.first, tile.pass.steps),
    };
    tile.push({ op: "attend-kv", layer: kvLayer, fields, sources: [k.name] });
  }
  for (const group of tile.pass.groups) {
    const steps = piece(group, tile.pass.first, tile.pass.steps);
    const fields = {
      ...shared,
      queries: addressOf(places.queries, spikeSlot(q, group), 0),
      scale,
      sequential: sequential ? 1 : 0,
      output: addressOf(tile.output, dataSlot(output, steps.firstStep), 0),
      outputStride: output.blocks,
      outputStepStride: tile.output.slotStride,
      format: formatCode(output.format),
      ...steps,
    };
    tile.push({ op: "attend-q", layer: qLayer, fields, sources: [q.name] });
  }
}
