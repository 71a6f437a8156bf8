import type { LoihiChip } from "../../../chips/loihi.js";
import type { Report } from "../../../diagnostics/index.js";
import { channelsOf, positionsOf, timestepsOf, valueTypes, type Op } from "../../../ir/index.js";
import { loihiDiagnostics } from "../diagnostics.js";
import type { LegalNet, LegalPopulation } from "../legal-net.js";

/** Heads of one attention that an attention core computes. */
export interface HeadGroup {
  readonly population: number;
  readonly heads: number;
  readonly headDim: number;
  readonly tokens: number;
  readonly chunk: number;
  readonly firstChannel: number;
  /** Values of the net that it hears: q, k, v. */
  readonly operands: readonly [q: string, k: string, v: string];
}

/** The elements of an operand, or of the result, that belong to a core's heads, token by token; `size`: elements of the layer. */
export function headElements(
  { heads, headDim, tokens, firstChannel }: Omit<HeadGroup, "operands">,
  size: number,
): readonly number[] {
  const own = heads * headDim;
  return Array.from(
    { length: tokens * own },
    (_, o) => Math.floor(o / own) * (size / tokens) + firstChannel + (o % own),
  );
}

/**
 * The axon at which an attention core hears an element of operand 0, 1, 2 (q, k, v) of its layer; undefined: of another
 * core's heads.
 */
export function attentionAxon(
  group: HeadGroup,
  operand: number,
  element: number,
  layerChannels: number,
): number | undefined {
  const channels = group.heads * group.headDim;
  const channel = (element % layerChannels) - group.firstChannel;
  if (channel < 0 || channel >= channels) return undefined;
  return (operand * group.tokens + Math.floor(element / layerChannels)) * channels + channel;
}

/** Shares the heads of an attention among as few cores as their limits allow. `routes`: messages that an element gives off. */
export function headGroups(
  { net }: LegalNet,
  population: LegalPopulation & { readonly index: number },
  chip: LoihiChip,
  routes: (element: number) => number,
  report: Report,
): readonly HeadGroup[] | undefined {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const reader = producers.get(population.value) as Op;
  const counters = producers.get(reader.operands[1] ?? "") as Op;
  const [q = "", k = "", v = ""] = [reader.operands[0], ...counters.operands];
  const refuse = (message: string, hint: string): undefined =>
    report.add(loihiDiagnostics.make("core-limit", `\`${population.layer}\`: ${message}`, { hint }));
  if (new Set([q, k, v]).size < 3) {
    return refuse(
      "two of its operands are the same spikes, and a neuron sends one message to a core",
      "give each operand neurons of its own",
    );
  }
  const limits = chip.attention!;
  const { type } = reader;
  const heads = Number(counters.attrs["heads"]);
  const chunk = Number(counters.attrs["chunk"]);
  const [tokens, channels] = [positionsOf(type), channelsOf(type)];
  const headDim = channels / heads;
  const buffers = limits.mode === "lockstep" ? 1 : 2;
  const timesteps = timestepsOf(valueTypes(net).get(q)!.time);
  const sets = limits.mode === "lockstep" || timesteps === chunk ? 1 : 2;
  const outputs = (first: number, count: number): number => {
    let sum = 0;
    for (let n = 0; n < tokens; n++) {
      for (let c = first * headDim; c < (first + count) * headDim; c++) sum += routes(n * channels + c);
    }
    return sum;
  };
  const needs = (first: number, count: number) =>
    [
      ["counters", count * headDim ** 2, limits.counters],
      ["sets of counters", sets, limits.sets],
      ["bits of a counter", Math.ceil(Math.log2(chunk * tokens + 1)), limits.counterBits],
      ["bits of queries", buffers * chunk * tokens * count * headDim, limits.queryBits],
      ["input axons", 3 * tokens * count * headDim, limits.inputAxons],
      ["output axons", outputs(first, count), limits.outputAxons],
    ] as const;
  const groups: HeadGroup[] = [];
  for (let first = 0; first < heads;) {
    let count = Math.min(heads - first, Math.max(1, Math.floor(limits.counters / headDim ** 2)));
    while (count > 1 && needs(first, count).some(([, used, available]) => used > available)) count--;
    const short = needs(first, count).find(([, used, available]) => used > available);
    if (short !== undefined) {
      const [what, used, available] = short;
      return refuse(
        `head ${first} needs ${used} ${what}, an attention core has ${available}`,
        "use larger attention cores, shorter chunks or fewer tokens",
      );
    }
    const operands = [q, k, v] as const;
    groups.push({
      population: population.index,
      heads: count,
      headDim,
      tokens,
      chunk,
      firstChannel: first * headDim,
      operands,
    });
    first += count;
  }
  return groups;
}
