import {
  isWeighted,
  channelsOf,
  checkOp,
  keepChannels,
  outputsOf,
  realTensor,
  sameNumber,
  sameTime,
  usersOf,
  valueTypes,
  type AttrValue,
  type Constant,
  type Net,
  type Op,
  type RealTensor,
  type ValueType,
  type Weights,
} from "../ir/index.js";
import { onlyReader } from "./batch-norm-chain.js";
import type { PassContext } from "./pass.js";
import { valueRanges, type Range } from "./ranges.js";
import { constantReaders, freeName } from "./rewrite.js";

/** Channels of neuron layers that nobody reads, as part of drop-dead: see its documentation. */

const NEURONS = new Set(["neuron.lif", "neuron.threshold"]);
/** Ops in front of a neuron, and behind it, that work on each channel alone and keep their number. */
const IN_FRONT = new Set(["norm.batch", "pool.max"]);
const BEHIND = new Set(["pool.or", "pool.max"]);

/** Where the channels of one neuron op live: from the weights that make them to the weights that read them. */
interface ChannelGroup {
  readonly source: Op;
  /** Ops whose results have these channels: the source, what stands between, the neuron, pools behind it. */
  readonly members: readonly Op[];
  readonly neuron: Op;
  readonly readers: readonly Op[];
}

/** The group of a neuron, if all its channels come from one weighted op and go into weighted ops alone. */
function groupOf(
  net: Net,
  neuron: Op,
  producers: ReadonlyMap<string, Op>,
  users: ReadonlyMap<string, readonly Op[]>,
): ChannelGroup | undefined {
  const members = [neuron];
  let first = neuron;
  while (!isWeighted(first)) {
    const producer = producers.get(first.operands[0] ?? "");
    if (producer === undefined || !(IN_FRONT.has(producer.name) || isWeighted(producer))) return undefined;
    if (onlyReader(net, producer.result, users) !== first) return undefined;
    members.unshift(producer);
    first = producer;
  }
  const readers: Op[] = [];
  const outputs = new Set(net.outputs.map((output) => output.value));
  for (const pending = [neuron]; pending.length > 0;) {
    const { result } = pending.pop()!;
    if (outputs.has(result)) return undefined;
    for (const user of users.get(result) ?? []) {
      if (isWeighted(user)) readers.push(user);
      else if (BEHIND.has(user.name)) {
        pending.push(user);
        members.push(user);
      } else return undefined;
    }
  }
  // A layer that reads itself through a delay is left alone.
  return readers.includes(first) ? undefined : { source: first, members, neuron, readers };
}

/** Input channels whose weights are all 0. */
function unreadChannels(weights: Weights, channels: number): readonly boolean[] {
  const unread = Array.from({ length: channels }, () => true);
  const { mantissa } = weights;
  const out = outputsOf(weights);
  for (let row = 0; row * out < mantissa.length; row++) {
    const c = row % channels;
    // A row ends at its first weight: trained ones rarely hold a zero.
    for (let i = row * out; unread[c] === true && i < (row + 1) * out; i++) unread[c] = mantissa[i] === 0;
  }
  return unread;
}

/** The weights without the output channels that are not kept. */
function keepOutputs(weights: Weights, kept: readonly number[]): Weights {
  const out = outputsOf(weights);
  const rows = weights.mantissa.length / out;
  const mantissa = new Int32Array(rows * kept.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < kept.length; i++) mantissa[row * kept.length + i] = weights.mantissa[row * out + kept[i]!]!;
  }
  return {
    kind: "weights",
    shape: [...weights.shape.slice(0, -1), kept.length],
    mantissa,
    exponent: Int32Array.from(kept, (o) => weights.exponent[o]!),
    bias: Float64Array.from(kept, (o) => weights.bias[o]!),
  };
}

/** The weights without the rows of input channels that are not kept. */
function keepInputs(weights: Weights, kept: readonly number[], channels: number): Weights {
  const out = outputsOf(weights);
  const taps = weights.mantissa.length / out / channels;
  const mantissa = new Int32Array(taps * kept.length * out);
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < kept.length; i++) {
      const row = (tap * channels + kept[i]!) * out;
      mantissa.set(weights.mantissa.subarray(row, row + out), (tap * kept.length + i) * out);
    }
  }
  return { ...weights, shape: [...weights.shape.slice(0, -2), kept.length, out], mantissa };
}

function keepValues({ data }: RealTensor, kept: readonly number[]): RealTensor {
  return realTensor(
    [kept.length],
    Float32Array.from(kept, (c) => data[c]!),
  );
}

/** A net in the making: ops that replace others, and constants. */
class Draft {
  readonly replaced = new Map<Op, Op>();
  readonly constants: Map<string, Constant>;
  private readonly readers: Map<string, number>;
  private readonly types: Map<string, ValueType>;

  constructor(net: Net) {
    this.constants = new Map(net.constants);
    this.readers = constantReaders(net);
    this.types = new Map(valueTypes(net));
  }

  /** Puts a changed constant in the place of the old one, or beside it where others read that. */
  change(name: string, constant: Constant): string {
    const readers = this.readers.get(name) ?? 0;
    this.readers.set(name, readers - 1);
    const changed = readers <= 1 ? name : freeName(`${name}.kept`, this.constants);
    this.constants.set(changed, constant);
    return changed;
  }

  constant<K extends Constant["kind"]>(name: string, kind: K): Extract<Constant, { kind: K }> | undefined {
    const constant = this.constants.get(name);
    return constant?.kind === kind ? (constant as Extract<Constant, { kind: K }>) : undefined;
  }

  typeOf(value: string): ValueType | undefined {
    return this.types.get(value);
  }

  /** Replaces an op; false where it is illegal so. */
  replace(op: Op, draft: Op): boolean {
    const operandTypes = draft.operands.flatMap((name) => this.types.get(name) ?? []);
    const checked = checkOp(draft, operandTypes, this.constants);
    if (!("type" in checked)) return false;
    this.replaced.set(op, { ...draft, type: checked.type });
    this.types.set(op.result, checked.type);
    return true;
  }
}

/** A member with parameters for the kept channels alone. */
function keptMember(draft: Draft, op: Op, kept: readonly number[]): Op {
  const perChannel = (symbol: string): string => {
    const constant = draft.constant(symbol, "real");
    return constant === undefined ? symbol : draft.change(symbol, keepValues(constant, kept));
  };
  const attrs = Object.entries(op.attrs).map(([name, value]): [string, AttrValue] => [
    name,
    typeof value === "object" && "symbol" in value ? { symbol: perChannel(value.symbol) } : value,
  ]);
  const layer = op.layer === undefined ? {} : { layer: keepChannels(op.layer, channelsOf(op.type), kept) };
  return { ...op, symbols: op.symbols.map(perChannel), attrs: Object.fromEntries(attrs), ...layer };
}

/** The net with only the kept channels of a group; nothing where a type that others see would change. */
function withoutChannels(net: Net, group: ChannelGroup, kept: readonly number[]): Net | undefined {
  const draft = new Draft(net);
  const { source, members, neuron, readers } = group;
  const channels = channelsOf(neuron.type);
  const [symbol = ""] = source.symbols;
  const weights = draft.constant(symbol, "weights");
  if (weights === undefined) return undefined;
  const legal = members.every((op) => {
    if (op !== source) return draft.replace(op, keptMember(draft, op, kept));
    const symbols = [draft.change(symbol, keepOutputs(weights, kept))];
    const layer = op.layer === undefined ? {} : { layer: keepChannels(op.layer, channels, kept) };
    return draft.replace(op, { ...op, symbols, ...layer });
  });
  if (!legal) return undefined;
  for (const reader of readers) {
    const [name = ""] = reader.symbols;
    const read = draft.constant(name, "weights");
    if (read === undefined) return undefined;
    const symbols = [draft.change(name, keepInputs(read, kept, channels))];
    if (!draft.replace(reader, { ...reader, symbols })) return undefined;
    const type = draft.typeOf(reader.result);
    // The range of an integer current follows from its weights, and what reads it from that.
    if (type === undefined || !sameNumber(type.number, reader.type.number) || !sameTime(type.time, reader.type.time)) {
      return undefined;
    }
  }
  return { ...net, ops: net.ops.map((op) => draft.replaced.get(op) ?? op), constants: draft.constants };
}

/** Channels of a group that something reads and that can fire. */
function liveChannels(net: Net, { neuron, readers }: ChannelGroup, range: Range | undefined): readonly number[] {
  const channels = channelsOf(neuron.type);
  const unread = readers.map((reader) => {
    const weights = net.constants.get(reader.symbols[0] ?? "");
    return weights?.kind === "weights" ? unreadChannels(weights, channels) : [];
  });
  const isLive = (c: number): boolean => range?.hi[c] !== 0 && unread.some((flags) => flags[c] !== true);
  return Array.from({ length: channels }, (_, c) => c).filter(isLive);
}

/** A table of the neurons that lost channels. */
function report(before: Net, after: Net, context: PassContext): void {
  const types = valueTypes(after);
  const rows = before.ops.flatMap((op) => {
    const [had, has] = [channelsOf(op.type), channelsOf(types.get(op.result) ?? op.type)];
    return NEURONS.has(op.name) && has !== had ? [[op.layer?.name ?? `%${op.result}`, `${had}`, `${had - has}`]] : [];
  });
  context.table({ title: "channels nobody reads", header: ["neuron", "channels", "removed"], rows });
}

/**
 * Removes channels of neuron layers that every reader weighs with 0 or that can never fire. Layers are visited backwards, because a reader
 * that lost channels may have stopped reading some itself; the rest is found in the next round.
 */
export function dropChannels(given: Net, context: PassContext): Net {
  let net = given;
  for (let before: Net | undefined; before !== net;) {
    before = net;
    const ranges = valueRanges(net);
    let producers = new Map(net.ops.map((op) => [op.result, op]));
    let users = usersOf(net);
    for (const { result } of net.ops.filter((op) => NEURONS.has(op.name)).toReversed()) {
      const neuron = producers.get(result);
      const group = neuron === undefined ? undefined : groupOf(net, neuron, producers, users);
      if (group === undefined || group.readers.length === 0) continue;
      const channels = channelsOf(group.neuron.type);
      const kept = liveChannels(net, group, ranges.get(result));
      // A layer without any live channel is a constant, or read by constants: canonicalize folds those.
      if (kept.length === channels || kept.length === 0) continue;
      const next = withoutChannels(net, group, kept);
      if (next === undefined) continue;
      context.count("channels-removed", channels - kept.length);
      net = next;
      producers = new Map(net.ops.map((op) => [op.result, op]));
      users = usersOf(net);
    }
  }
  if (net !== given) report(given, net, context);
  return net;
}
