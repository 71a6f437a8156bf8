import { channelsOf, positionsOf, slotSize, type OpView, type Slot, type ValueType } from "../ir/index.js";
import { forPlane } from "../ir/ops/plane.js";

/**
 * What each op of the IR is to an energy count, and the events of one moment of it. Names of events are those of the
 * layer-by-layer chip where they mean the same (docs/layerwise-chip.md, section 3); `bias` and `sop` are counted here alone.
 */
export const NET_EVENTS = ["mac", "ac", "kv", "qa", "add", "bias", "bit", "update", "compare", "sop"] as const;
export type NetEvent = (typeof NET_EVENTS)[number];

export type EventCounts = Partial<Record<NetEvent, number>>;

/**
 * How many additions an input of several units is. `counts`: one per unit, as if its spikes came one by one. `bits`: one shifted
 * addition per set bit, as bit planes are added on the layer-by-layer chip. Spikes are the same under both.
 */
export type IntegerRule = "counts" | "bits";

export type LayerKind =
  "conv" | "dense" | "attention" | "mask" | "neuron" | "norm" | "pool" | "add" | "reduce" | "select" | "none";

/** One moment of an op: its operands there, whichever of them hold longer. */
export interface OpMoment {
  readonly view: OpView;
  readonly type: ValueType;
  readonly operands: readonly Slot[];
  readonly integers: IntegerRule;
  /** A batch norm behind the op has a bias of its own into which this op's goes. */
  readonly biasJoins: boolean;
}

/** What an op is, and its events; undefined events: nobody has said how they are counted, and the count names the op. */
export interface OpWork {
  readonly kind: LayerKind;
  readonly events: ((moment: OpMoment) => EventCounts) | undefined;
}

/** How many windows of one side of a map each coordinate lies in: borders and strides leave some out. */
function windowsAlong(size: number, windows: number, kernel: number, stride: number, padding: number): Float64Array {
  const found = new Float64Array(size);
  for (let o = 0; o < windows; o++) {
    for (let k = 0; k < kernel; k++) {
      const i = o * stride - padding + k;
      if (i >= 0 && i < size) found[i]! += 1;
    }
  }
  return found;
}

/** Windows that each position of the operand lies in; the taps inside the map, seen from the input. 1 where there is no window. */
export function windowsOf(view: OpView, type: ValueType): Float64Array {
  const x = view.operand(0);
  if (view.definition.spatial !== "window") return new Float64Array(positionsOf(x)).fill(1);
  const { kernel, stride, padding } = view.window();
  const [rows, columns] = [0, 1].map((axis) =>
    windowsAlong(x.shape[axis] ?? 0, type.shape[axis] ?? 0, kernel, stride, padding),
  ) as [Float64Array, Float64Array];
  const all = new Float64Array(rows.length * columns.length);
  for (const [y, row] of rows.entries())
    for (const [i, column] of columns.entries()) all[y * columns.length + i] = row * column;
  return all;
}

function setBits(n: number): number {
  let bits = 0;
  for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}

/** Sum over all inputs of measure(input) times its fan-out: the windows that it lies in, times the output channels. */
function fanOutSum({ view, type, operands }: OpMoment, measure: (x: number) => number): number {
  const windows = windowsOf(view, type);
  const channels = channelsOf(view.operand(0));
  const x = operands[0]!;
  let total = 0;
  for (const [p, fan] of windows.entries()) {
    let here = 0;
    for (let c = 0; c < channels; c++) here += measure(x[p * channels + c]!);
    total += here * fan;
  }
  return total * channelsOf(type);
}

const fires = (x: number): number => (x === 0 ? 0 : 1);

/** Real and signed inputs are multiplied, spikes and counts added; zeros cost nothing. */
function weightedEvents(moment: OpMoment): EventCounts {
  const { number } = moment.view.operand(0);
  const additions = number.kind === "int" && number.lo >= 0;
  const bias = !moment.biasJoins && moment.view.weights().bias.some((b) => b !== 0);
  return {
    ...(additions
      ? { ac: fanOutSum(moment, moment.integers === "counts" ? (x) => x : setBits) }
      : { mac: fanOutSum(moment, fires) }),
    sop: fanOutSum(moment, (x) => x),
    ...(bias ? { bias: slotSize(moment.type) } : {}),
  };
}

function count(slot: Slot | undefined): number {
  let spikes = 0;
  for (const x of slot ?? []) spikes += fires(x);
  return spikes;
}

/** K^T V: each spike of k adds the d bits of v to d counters, whatever v holds. */
const kvEvents = ({ view }: OpMoment, k: Slot | undefined): number =>
  (count(k) * channelsOf(view.operand(0))) / view.number("heads");

/** Q (K^T V): each spike of q adds d counters. */
const qaEvents = (q: Slot | undefined, d: number): number => count(q) * d;

/** Elements of all operands read, each once. */
const elements = ({ view }: OpMoment): number => slotSize(view.operand(0));

/** Two-operand steps of a reduction over windows: one less than the taps inside, per output. */
function windowSteps({ view, type }: OpMoment): number {
  const taps = windowsOf(view, type).reduce((a, b) => a + b, 0);
  return taps * channelsOf(type) - slotSize(type);
}

function planeSteps({ view, type }: OpMoment): number {
  let taps = 0;
  forPlane(view, type, () => taps++);
  return taps - slotSize(type);
}

const FREE: OpWork = { kind: "none", events: () => ({}) };
const update: OpWork = { kind: "neuron", events: ({ type }) => ({ update: slotSize(type) }) };
/** One addition per element read, as the chip counts: the first is added to an accumulator of zero. */
const reduction: OpWork = { kind: "reduce", events: (moment) => ({ add: elements(moment) }) };
const mask: OpWork = { kind: "mask", events: ({ type }) => ({ bit: slotSize(type) }) };
const selection: OpWork = { kind: "select", events: undefined };

/** Every op of the IR takes a stand here; a test compares the keys with `OPS`. */
export const OP_WORK: Readonly<Record<string, OpWork>> = {
  "synapse.conv": { kind: "conv", events: weightedEvents },
  "synapse.dense": { kind: "dense", events: weightedEvents },
  "synapse.one-to-one": { kind: "add", events: ({ operands }) => ({ ac: count(operands[0]) }) },
  "norm.batch": { kind: "norm", events: ({ type }) => ({ bias: slotSize(type) }) },
  "neuron.lif": update,
  "neuron.loihi": update,
  "neuron.threshold": update,
  "pool.max": { kind: "pool", events: (moment) => ({ compare: windowSteps(moment) }) },
  "pool.or": { kind: "pool", events: (moment) => ({ bit: windowSteps(moment) }) },
  "pool.plane": { kind: "pool", events: (moment) => ({ bit: planeSteps(moment) }) },
  "pool.sum": { kind: "pool", events: (moment) => ({ add: windowSteps(moment) }) },
  "pool.sum-plane": { kind: "pool", events: (moment) => ({ add: planeSteps(moment) }) },
  "stream.add": { kind: "add", events: ({ type }) => ({ add: slotSize(type) }) },
  "mask.and": mask,
  "mask.tokens": mask,
  "reduce.sum-positions": reduction,
  "reduce.mean-positions": reduction,
  "reduce.mean-time": reduction,
  "attention.statten": {
    kind: "attention",
    events: (moment) => {
      const [q, k] = moment.operands;
      const [kv, qa] = [kvEvents(moment, k), qaEvents(q, channelsOf(moment.type) / moment.view.number("heads"))];
      return { kv, qa, sop: kv + qa };
    },
  },
  "attention.kv": {
    kind: "attention",
    events: (moment) => {
      const kv = kvEvents(moment, moment.operands[0]);
      return { kv, sop: kv };
    },
  },
  "attention.q": {
    kind: "attention",
    events: ({ view, operands }) => {
      const qa = qaEvents(operands[0], view.operand(1).shape[1] ?? 1);
      return { qa, sop: qa };
    },
  },
  // Rounds of a selection depend on scores; the simulated chip counts them.
  "tokens.score": selection,
  "tokens.relevance": selection,
  "tokens.top-k": selection,
  "tokens.top-share": selection,
  // What moves, renames or converts numbers does no arithmetic.
  "stream.relay": FREE,
  "repeat.positions": FREE,
  "repeat.channels": FREE,
  "channels.slice": FREE,
  "to-int": FREE,
  "to-real": FREE,
  constant: FREE,
  delay: FREE,
};
