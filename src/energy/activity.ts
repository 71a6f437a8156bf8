import {
  channelsOf,
  isSpike,
  isWeighted,
  netTimesteps,
  positionsOf,
  slotSize,
  valueTypes,
  viewOf,
  type Evaluation,
  type Net,
  type Op,
  type OpView,
  type ValueType,
} from "../ir/index.js";
import { sum } from "../math/numbers.js";
import { OP_WORK, windowsOf, type LayerKind } from "./op-events.js";
import { neuronName, Tracer, type Source } from "./trace.js";

/**
 * What the layers of a net are, from its shapes alone, and how active they were, measured or published. Every convention of
 * counting energy reads these two, and the exact counts of `count.ts` where there are any.
 */

export type InputClass = "real" | "integer" | "spike";

/** One operand of a layer. */
export interface LayerInput extends Source {
  readonly class: InputClass;
  /** Elements of one moment. */
  readonly elements: number;
}

/** One op of a net that does arithmetic. */
export interface Layer {
  /** In the source model, where it has a name there. */
  readonly name: string;
  readonly op: string;
  /** The value that it defines: unique in its net. */
  readonly result: string;
  readonly kind: LayerKind;
  readonly inputs: readonly LayerInput[];
  /** Elements of the result, one moment. */
  readonly outputs: number;
  /** Moments at which it is computed: the timesteps, or 1 where a static picture holds. */
  readonly moments: number;
  /** No neuron lies before it: code that repeats the picture computes it at each timestep. */
  readonly beforeNeurons: boolean;
  /** Weighted layers without a neuron behind them: the head. */
  readonly classifier: boolean;
  readonly weighted?: WeightedWork;
  readonly attention?: AttentionWork;
}

/** Multiplications of one moment. */
export interface WeightedWork {
  /** With every tap, whether inside the map or not: K² Hout Wout Cin Cout, or N Cin Cout. The IR has no groups. */
  readonly dense: number;
  /** Taps inside the map only. */
  readonly valid: number;
  /** On one vector, as nn.Linear after the last mean; not a 1x1 convolution over positions. */
  readonly linear: boolean;
  readonly bias: boolean;
}

/** K^T V and Q (K^T V); the halves of a lowered attention do one of them each. */
export interface AttentionWork {
  readonly tokens: number;
  readonly channels: number;
  readonly heads: number;
  readonly products: readonly ("kv" | "qa")[];
  /** Which operands are q, k and v. */
  readonly operands: Readonly<Partial<Record<"q" | "k" | "v", number>>>;
}

/** How active the layers of a net were, means over all samples. */
export interface Activity {
  readonly timesteps: number;
  readonly samples: number;
  /** Mean output of each neuron layer per timestep, before any pooling. */
  readonly firing: ReadonlyMap<string, readonly number[]>;
  /** Layers of which only the sum with others is known: their rates are shares of it. */
  readonly shared: ReadonlySet<string>;
  /** Mean value of each operand per moment, by result of the layer; undefined where rates of neurons do not give it. */
  readonly inputs: ReadonlyMap<string, readonly (OperandActivity | undefined)[]>;
}

export interface OperandActivity {
  /** One mean per moment of the operand. */
  readonly mean: readonly number[];
  /** Nothing but 0 and 1 was seen. */
  readonly binary: boolean;
}

function inputClass(type: ValueType): InputClass {
  if (type.number.kind === "real") return "real";
  return isSpike(type) ? "spike" : "integer";
}

/** The longest path that all names share: `block.0.attn` of `block.0.attn.q_lif` and `block.0.attn.k_lif`. */
function commonPath(names: readonly string[]): string {
  const paths = names.map((name) => name.split("."));
  const first = paths[0]?.slice(0, -1) ?? [];
  const differs = first.findIndex((part, i) => paths.some((path) => path[i] !== part));
  return first.slice(0, differs < 0 ? first.length : differs).join(".");
}

function nameOf(op: Op, kind: LayerKind, inputs: readonly Source[]): string {
  if (kind === "neuron") return neuronName(op);
  if (isWeighted(op)) return op.origin ?? op.symbols[0] ?? op.result;
  const path = kind === "attention" ? commonPath(inputs.flatMap(({ neurons }) => neurons)) : "";
  return path === "" ? (op.origin ?? `${op.name} %${op.result}`) : `${path} ${op.name}`;
}

/** Ops from which some neuron is reached. */
function reachingNeurons(net: Net): ReadonlySet<string> {
  const producers = new Map(net.ops.map((op) => [op.result, op]));
  const reached = new Set<string>();
  const work = net.ops.filter((op) => OP_WORK[op.name]?.kind === "neuron").flatMap((op) => op.operands);
  for (let value = work.pop(); value !== undefined; value = work.pop()) {
    if (reached.has(value)) continue;
    reached.add(value);
    work.push(...(producers.get(value)?.operands ?? []));
  }
  return reached;
}

function weightedWork(view: OpView, type: ValueType): WeightedWork {
  const weights = view.weights();
  const perTap = channelsOf(view.operand(0)) * channelsOf(type);
  return {
    dense: positionsOf(type) * weights.mantissa.length,
    valid: sum(windowsOf(view, type)) * perTap,
    linear: type.shape.length === 1,
    bias: weights.bias.some((b) => b !== 0),
  };
}

function attentionWork(view: OpView): AttentionWork | undefined {
  const x = view.operand(0);
  const shape = { tokens: positionsOf(x), channels: channelsOf(x) };
  switch (view.op.name) {
    case "attention.statten":
      return { ...shape, heads: view.number("heads"), products: ["kv", "qa"], operands: { q: 0, k: 1, v: 2 } };
    case "attention.kv":
      return { ...shape, heads: view.number("heads"), products: ["kv"], operands: { k: 0, v: 1 } };
    case "attention.q":
      return { ...shape, heads: view.operand(1).shape[0] ?? 1, products: ["qa"], operands: { q: 0 } };
    default:
      return undefined;
  }
}

/** Every op of a net that does arithmetic, in network order. */
export function layersOf(net: Net): readonly Layer[] {
  const types = valueTypes(net);
  const tracer = new Tracer(net);
  const reaching = reachingNeurons(net);
  return net.ops.flatMap((op): readonly Layer[] => {
    const kind = OP_WORK[op.name]?.kind ?? "none";
    if (kind === "none") return [];
    const view = viewOf(net, op, types);
    const inputs = op.operands.map((value, i) => {
      const type = view.operand(i);
      return { ...tracer.sourceOf(value), class: inputClass(type), elements: slotSize(type) };
    });
    const weighted = isWeighted(op) ? weightedWork(view, op.type) : undefined;
    const attention = kind === "attention" ? attentionWork(view) : undefined;
    return [
      {
        name: nameOf(op, kind, inputs),
        op: op.name,
        result: op.result,
        kind,
        inputs,
        outputs: slotSize(op.type),
        moments: op.type.time.count,
        beforeNeurons: op.operands.every((value) => tracer.beforeNeurons(value)),
        classifier: weighted !== undefined && !reaching.has(op.result),
        ...(weighted === undefined ? {} : { weighted }),
        ...(attention === undefined ? {} : { attention }),
      },
    ];
  });
}

/** Sums what evaluations show, sample by sample. */
export class ActivityMeter {
  private samples = 0;
  private readonly firing = new Map<string, Float64Array>();
  private readonly inputs = new Map<string, { sums: Float64Array; elements: number; binary: boolean }[]>();
  private readonly timesteps: number;

  constructor(
    private readonly net: Net,
    private readonly layers: readonly Layer[],
  ) {
    this.timesteps = netTimesteps(net);
  }

  add({ values }: Pick<Evaluation, "values">): void {
    this.samples++;
    const ops = new Map(this.net.ops.map((op) => [op.result, op]));
    for (const { result, kind, name, outputs } of this.layers) {
      const op = ops.get(result)!;
      if (kind === "neuron") {
        const sums = this.firing.get(name) ?? new Float64Array(this.timesteps);
        this.firing.set(name, sums);
        // A neuron without memory on a held operand holds, too: it counts as firing in each of those timesteps.
        const { period } = op.type.time;
        for (const [moment, slot] of (values.get(result) ?? []).entries()) {
          const rate = sum(slot) / outputs;
          for (let t = moment * period; t < (moment + 1) * period; t++) sums[t]! += rate;
        }
      }
      const operands = this.inputs.get(result) ?? [];
      this.inputs.set(result, operands);
      for (const [i, value] of op.operands.entries()) {
        const slots = values.get(value) ?? [];
        const seen = (operands[i] ??= {
          sums: new Float64Array(slots.length),
          elements: slots[0]?.length ?? 1,
          binary: true,
        });
        for (const [moment, slot] of slots.entries()) {
          let total = 0;
          for (const x of slot) {
            total += x;
            if (x !== 0 && x !== 1) seen.binary = false;
          }
          seen.sums[moment]! += total / seen.elements;
        }
      }
    }
  }

  finish(): Activity {
    const mean = (sums: Float64Array): number[] => Array.from(sums, (s) => s / this.samples);
    return {
      timesteps: this.timesteps,
      samples: this.samples,
      shared: new Set(),
      firing: new Map([...this.firing].map(([name, sums]) => [name, mean(sums)])),
      inputs: new Map(
        [...this.inputs].map(([result, operands]) => [
          result,
          operands.map(({ sums, binary }) => ({ mean: mean(sums), binary })),
        ]),
      ),
    };
  }
}

/** Published rates of neuron outputs before pooling, per timestep. */
export interface PublishedRates {
  readonly firing: ReadonlyMap<string, readonly number[]>;
  /** Layers of which only the sum with others was published. */
  readonly shared: ReadonlySet<string>;
}

/**
 * One sample's activity as rates of neurons tell it: an operand that is one layer's output fires as that layer does; what lies
 * behind pools, masks and sums stays undefined. Real operands are known to be no spikes.
 */
export function publishedActivity(
  { firing, shared }: PublishedRates,
  layers: readonly Layer[],
  timesteps: number,
): Activity {
  const operand = (input: LayerInput): OperandActivity | undefined => {
    if (input.class === "real") return { mean: [], binary: false };
    const mean = input.path === "same" && input.class === "spike" ? firing.get(input.neurons[0] ?? "") : undefined;
    return mean === undefined ? undefined : { mean, binary: true };
  };
  const inputs = new Map(layers.map(({ result, inputs: operands }) => [result, operands.map(operand)]));
  return { timesteps, samples: 1, firing, shared, inputs };
}
