import {
  isWeighted,
  channelsOf,
  components,
  findOp,
  isSpike,
  positionsOf,
  usersOf,
  valueTypes,
  type Net,
  type Op,
  type ValueType,
} from "../ir/index.js";
import { findBranches, type Branch } from "./stream-branches.js";

/** A place where a net can leave tokens out: keys and values of an attention, or a branch that works token by token (an MLP). */
export interface Selection {
  /** Name of the layer whose spikes are scored. */
  readonly name: string;
  readonly spikes: string;
  readonly tokens: number;
  /** Timesteps that belong together here: the chunk of the attention, of the one in front for an MLP. */
  readonly chunk: number;
  /** Whether its tokens are selected already. */
  readonly selected: boolean;
  /** Absent for an MLP. */
  readonly attention?: Attention;
  /** Absent where an attention's result does not return to the stream that its spikes come from. */
  readonly branch?: Branch;
}

export interface Attention {
  readonly op: Op;
  /** Positions of k and v among the operands. */
  readonly k: number;
  readonly v: number;
  readonly heads: number;
  /** Where queries meet K^T V: op and position. Absent for SDSA, whose queries are masked. */
  readonly queries?: readonly [Op, number];
  /** The dense layers of k and v, where leaving out a token in front of them changes no other token and no other reader. */
  readonly projections: readonly Op[] | undefined;
  /** The same of the queries. */
  readonly queryProjection: Op | undefined;
}

export interface Selections {
  /** In the net's order. */
  readonly places: readonly Selection[];
  /** Attentions whose keys and values are not projected from one map of spikes. */
  readonly others: number;
}

/** Which places a pass asks for. */
export interface PlaceFilter {
  /** `attention`, `mlp` or `both`. */
  readonly before: string;
  /** `all`, or how the names begin: `block.1` names `block.1.attn.shortcut_lif`, and not `block.10...`. */
  readonly layers: string;
}

/** Ops between a neuron and an attention, or a projection and its neuron, that keep tokens apart or pool spikes. */
const TRANSPARENT = new Set(["pool.or", "norm.batch", "neuron.lif", "mask.tokens"]);
/** Ops that an earlier selection put into a branch. */
const SELECTING = new Set(["tokens.score", "tokens.relevance", "tokens.top-k", "tokens.top-share", "mask.tokens"]);

/** A net with the questions that finding places asks of it. */
class Places {
  private readonly types: ReadonlyMap<string, ValueType>;
  private readonly producers: ReadonlyMap<string, Op>;
  private readonly users: ReadonlyMap<string, readonly Op[]>;
  private readonly outputs: ReadonlySet<string>;
  private readonly branches: readonly Branch[];
  private readonly cyclic: ReadonlySet<Op>;

  constructor(private readonly net: Net) {
    this.types = valueTypes(net);
    this.producers = new Map(net.ops.map((op) => [op.result, op]));
    this.users = usersOf(net);
    this.outputs = new Set(net.outputs.map((output) => output.value));
    this.branches = findBranches(net);
    this.cyclic = new Set(components(net).flatMap((component) => (component.cyclic ? component.ops : [])));
  }

  find(): Selections {
    const found: { readonly at: Op; readonly place: Selection }[] = [];
    let others = 0;
    for (const op of this.net.ops) {
      const where = this.keysAndValues(op);
      if (where === undefined) continue;
      const place = this.cyclic.has(op) ? undefined : this.attention(op, ...where);
      if (place === undefined) others++;
      else found.push({ at: op, place });
    }
    const order = new Map(this.net.ops.map((op, i) => [op, i]));
    const index = (op: Op): number => order.get(op) ?? 0;
    for (const branch of this.branches) {
      const [last] = found.filter(({ at, place }) => place.attention && index(at) < index(branch.neuron)).slice(-1);
      const place = this.mlp(branch, last?.place.chunk ?? 1);
      if (place !== undefined) found.push({ at: branch.neuron, place });
    }
    found.sort((a, b) => index(a.at) - index(b.at));
    return { places: found.map(({ place }) => place), others };
  }

  /** Where k and v are, if this op is an attention: K^T V, or k AND v summed over the tokens (SDSA). */
  private keysAndValues(op: Op): readonly [number, number] | undefined {
    switch (op.name) {
      case "attention.statten":
        return [1, 2];
      case "attention.kv":
        return [0, 1];
      case "mask.and": {
        const sums = this.usersOf(op.result).some(
          (user) =>
            user.name === "reduce.sum-positions" ||
            (user.name === "pool.plane" &&
              this.usersOf(user.result).some((next) => next.name === "reduce.sum-positions")),
        );
        return sums ? [0, 1] : undefined;
      }
      default:
        return undefined;
    }
  }

  private attention(op: Op, k: number, v: number): Selection | undefined {
    const [keys = "", values = ""] = [op.operands[k], op.operands[v]];
    const spikes = this.sourceOf(keys);
    const keyType = this.types.get(keys);
    const scored = this.scored(spikes);
    if (spikes === undefined || scored === undefined || keyType === undefined) return undefined;
    if (spikes !== this.sourceOf(values) || scored.tokens !== positionsOf(keyType)) return undefined;
    const attr = (name: string): number | undefined => {
      const value = op.attrs[name];
      return typeof value === "number" ? value : undefined;
    };
    const dense = [keys, values].flatMap((value) => this.tokenwiseProjection(value) ?? []);
    const queries = this.queriesOf(op);
    const attention: Attention = {
      op,
      k,
      v,
      // SDSA works per timestep and channel: every channel is a head of its own.
      heads: attr("heads") ?? channelsOf(keyType),
      projections: dense.length === 2 ? dense : undefined,
      queryProjection: this.tokenwiseProjection(queries?.[0].operands[queries[1]] ?? ""),
      ...(queries === undefined ? {} : { queries }),
    };
    const branch = this.branches.find((one) => one.neuron.result === spikes && one.inner.includes(op));
    const selected = [keys, values].some((value) => this.isMasked(value));
    const chunk = attr("chunk") ?? 1;
    return { ...scored, spikes, chunk, selected, attention, ...(branch === undefined ? {} : { branch }) };
  }

  private queriesOf(op: Op): readonly [Op, number] | undefined {
    if (op.name === "attention.statten") return [op, 0];
    const reader = this.usersOf(op.result).find((user) => user.name === "attention.q");
    return reader === undefined ? undefined : [reader, 0];
  }

  /** A branch with weights in which no op looks beyond its token. */
  private mlp(branch: Branch, chunk: number): Selection | undefined {
    const { neuron, add, inner, result } = branch;
    const own = inner.filter((op) => !SELECTING.has(op.name));
    const scored = this.scored(neuron.result);
    const value = add.operands[result] ?? "";
    const type = this.types.get(value);
    if (scored === undefined || type?.time.period !== 1 || positionsOf(type) !== scored.tokens) return undefined;
    if (!own.every(isTokenwise) || !own.some((op) => isWeighted(op))) return undefined;
    return { ...scored, spikes: neuron.result, chunk, selected: this.isMasked(value), branch };
  }

  private usersOf(value: string): readonly Op[] {
    return this.users.get(value) ?? [];
  }

  private isMasked(value: string): boolean {
    return this.producers.get(value)?.name === "mask.tokens";
  }

  /** Name and number of tokens of spikes that a cue can be read from: one slot per timestep. */
  private scored(spikes: string | undefined): Pick<Selection, "name" | "tokens"> | undefined {
    const type = this.types.get(spikes ?? "");
    if (spikes === undefined || type === undefined || !isSpike(type) || type.time.period !== 1) return undefined;
    return { name: this.producers.get(spikes)?.layer?.name ?? spikes, tokens: positionsOf(type) };
  }

  /** The spikes that a key or value is projected from: back over its neuron to the weighted op, masks left out. */
  private sourceOf(value: string): string | undefined {
    let neurons = 0;
    for (let op = this.producers.get(value); op !== undefined; op = this.producers.get(op.operands[0] ?? "")) {
      if (isWeighted(op)) {
        const [source = ""] = op.operands;
        const mask = this.isMasked(source) ? this.producers.get(source) : undefined;
        return neurons === 1 ? (mask?.operands[0] ?? source) : undefined;
      }
      if (!TRANSPARENT.has(op.name)) return undefined;
      if (op.name === "neuron.lif") neurons++;
    }
    return undefined;
  }

  /** The dense layer in front of a key or value, if everything up to the attention works token by token and for it alone. */
  private tokenwiseProjection(value: string): Op | undefined {
    for (let op = this.producers.get(value); op !== undefined; op = this.producers.get(op.operands[0] ?? "")) {
      if (this.usersOf(op.result).length !== 1 || this.outputs.has(op.result)) return undefined;
      if (op.name === "synapse.dense") return op;
      if (op.name !== "neuron.lif" && op.name !== "norm.batch") return undefined;
    }
    return undefined;
  }
}

function isTokenwise(op: Op): boolean {
  const spatial = findOp(op.name)?.spatial;
  return spatial === "pointwise" || spatial === "token" || (op.name === "synapse.conv" && op.attrs["kernel"] === 1);
}

/** All places of a net where tokens can be left out, or are already. */
export function findSelections(net: Net): Selections {
  return new Places(net).find();
}

/** Whether a pass asks for this place. */
export function isAskedFor({ name, attention }: Selection, { before, layers }: PlaceFilter): boolean {
  const kind = before === "both" || (before === "mlp") === (attention === undefined);
  return kind && (layers === "all" || name === layers || name.startsWith(`${layers}.`));
}

/** The most tokens that every such place of a net can keep; undefined where there is none, or all are selected. */
export function selectableTokens(net: Net, filter: Partial<PlaceFilter> = {}): number | undefined {
  const all: PlaceFilter = { before: "attention", layers: "all", ...filter };
  const open = findSelections(net).places.filter((place) => !place.selected && isAskedFor(place, all));
  return open.length === 0 ? undefined : Math.min(...open.map((place) => place.tokens));
}
