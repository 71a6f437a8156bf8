import type { OpDefinition } from "../op.js";
import { statten, attentionKv, attentionQ } from "./attention.js";
import { conv } from "./conv.js";
import { constant } from "./constant.js";
import { delay } from "./delay.js";
import { dense } from "./dense.js";
import { toInt, toReal } from "./convert.js";
import { maskAnd } from "./mask-and.js";
import { maskTokens } from "./mask-tokens.js";
import { batchNorm } from "./batch-norm.js";
import { lif } from "./lif.js";
import { oneToOne } from "./one-to-one.js";
import { loihi } from "./loihi.js";
import { maxPool } from "./pool-max.js";
import { orPool } from "./pool-or.js";
import { planePool } from "./pool-plane.js";
import { sumPool } from "./pool-sum.js";
import { sumPlane } from "./pool-sum-plane.js";
import { meanPositions } from "./reduce-mean-positions.js";
import { meanTime } from "./reduce-mean-time.js";
import { sumPositions } from "./reduce-sum-positions.js";
import { relay } from "./relay.js";
import { repeatChannels, repeatPositions } from "./repeat.js";
import { slice } from "./slice.js";
import { streamAdd } from "./stream-add.js";
import { threshold } from "./threshold.js";
import { relevance, score } from "./tokens-score.js";
import { topK, topShare } from "./tokens-top-k.js";

/** Every op of the IR, written out by hand; adding an op is its file and its line here. */
export const OPS: readonly OpDefinition[] = [
  conv,
  dense,
  oneToOne,
  batchNorm,
  lif,
  loihi,
  threshold,
  maxPool,
  orPool,
  planePool,
  sumPool,
  sumPlane,
  streamAdd,
  relay,
  maskAnd,
  sumPositions,
  meanPositions,
  meanTime,
  statten,
  attentionKv,
  attentionQ,
  slice,
  repeatPositions,
  repeatChannels,
  toInt,
  toReal,
  score,
  relevance,
  topK,
  topShare,
  maskTokens,
  constant,
  delay,
];

const BY_NAME: ReadonlyMap<string, OpDefinition> = new Map(OPS.map((op) => [op.name, op]));

export function findOp(name: string): OpDefinition | undefined {
  return BY_NAME.get(name);
}
