import { isSpike, type Net, type Op } from "../ir/index.js";
import { OP_WORK } from "./op-events.js";

/** Where the numbers that a layer reads come from: followed back to neurons, inputs of the net, and currents. */
export interface Source {
  /** Names of the neuron layers that the value comes from, in order of discovery. */
  readonly neurons: readonly string[];
  /**
   * What lies between: `same` where the value is one neuron layer's output, `pooled` where pools alone lie between, `altered` by
   * anything else (masks, sums, means, currents), or where several layers meet.
   */
  readonly path: "same" | "pooled" | "altered";
}

/** Ops through which a neuron's output passes unchanged. */
const PASSES_ON: ReadonlySet<string> = new Set(["to-real", "stream.relay"]);

const kindOf = (op: Op | undefined) => (op === undefined ? undefined : OP_WORK[op.name]?.kind);

/** The name of a neuron layer: in the source model where it has one. */
export function neuronName(op: Op): string {
  return op.layer?.name ?? op.origin ?? `${op.name} %${op.result}`;
}

const computes = (op: Op): boolean => ["conv", "dense", "attention"].includes(kindOf(op) ?? "");

export class Tracer {
  private readonly producers: ReadonlyMap<string, Op>;
  private readonly known = new Map<string, Source>();
  private readonly fromInputs = new Map<string, boolean>();

  constructor(net: Net) {
    this.producers = new Map(net.ops.map((op) => [op.result, op]));
  }

  /** Of a value of the net. */
  sourceOf(value: string): Source {
    const known = this.known.get(value);
    if (known !== undefined) return known;
    // A cycle without a neuron meets itself here.
    this.known.set(value, { neurons: [], path: "altered" });
    const source = this.follow(value);
    this.known.set(value, source);
    return source;
  }

  private follow(value: string): Source {
    const op = this.producers.get(value);
    if (op === undefined || computes(op)) return { neurons: [], path: "altered" };
    if (kindOf(op) === "neuron") return { neurons: [neuronName(op)], path: "same" };
    const behind = op.operands.map((operand) => this.sourceOf(operand));
    const neurons = [...new Set(behind.flatMap((source) => source.neurons))];
    const [only] = behind;
    if (behind.length !== 1 || only === undefined || neurons.length !== 1) return { neurons, path: "altered" };
    if (PASSES_ON.has(op.name)) return only;
    const pools = kindOf(op) === "pool" && isSpike(op.type) && only.path !== "altered";
    return { neurons, path: pools ? "pooled" : "altered" };
  }

  /** Whether no neuron lies before a value: it is the same at all timesteps where the inputs of the net are. */
  beforeNeurons(value: string): boolean {
    const known = this.fromInputs.get(value);
    if (known !== undefined) return known;
    const op = this.producers.get(value);
    this.fromInputs.set(value, false);
    const before = op === undefined || (kindOf(op) !== "neuron" && op.operands.every((v) => this.beforeNeurons(v)));
    this.fromInputs.set(value, before);
    return before;
  }
}
