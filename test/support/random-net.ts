import {
  channelsOf,
  positionsOf,
  checkOp,
  components,
  everyStep,
  findOp,
  int,
  intTensor,
  isSpike,
  LOIHI_PROFILES,
  OPS,
  REAL,
  realTensor,
  slotSize,
  SPIKE,
  toWeights,
  verifyNet,
  type AttrValue,
  type Call,
  type Constant,
  type Net,
  type NetInput,
  type NumberKind,
  type Op,
  type ValueType,
  type Weights,
} from "../../src/ir/index.js";
import { Random } from "./random.js";

/** Random legal nets: every op, static and dynamic inputs, chunks, cycles through delays, integer nets. */

export interface RandomNetOptions {
  readonly timesteps?: number;
  readonly ops?: number;
  /** No op that needs the whole sample, so that the net can be run in pieces. */
  readonly resumable?: boolean;
  /** Also chains of ops that passes look for. */
  readonly motifs?: boolean;
  /** All chunks divide this; the timesteps when absent. */
  readonly chunkOf?: number;
}

interface OpChoice {
  readonly name: string;
  readonly operands: readonly string[];
  readonly symbols?: readonly string[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly type?: ValueType;
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
}

class Generator {
  readonly inputs: NetInput[] = [];
  readonly ops: Op[] = [];
  readonly constants = new Map<string, Constant>();
  readonly types = new Map<string, ValueType>();
  private readonly pendingDelays: { op: Op; type: ValueType }[] = [];

  constructor(
    private readonly random: Random,
    private readonly timesteps: number,
    private readonly chunkOf: number,
  ) {}

  addInputs(): void {
    const { random, timesteps: T } = this;
    const dynamic = everyStep(T);
    const slow = { count: 1, period: T };
    const add = (number: NumberKind, shape: readonly number[]): void => {
      const name = `x${this.inputs.length}`;
      const type = { number, time: random.chance(0.35) ? slow : dynamic, shape };
      this.inputs.push({ name, type });
      this.types.set(name, type);
    };
    add(REAL, [3, 4, 2]);
    add(SPIKE, [4, 4]);
    if (random.chance(0.5)) add(SPIKE, [2, 2, 2]);
    if (random.chance(0.5)) add(int(-6, random.int(2, 9), random.int(-2, 1)), [2, 4]);
    if (random.chance(0.5)) add(REAL, [2, 4]);
    this.types.set("s", { number: SPIKE, time: dynamic, shape: [4, 4] });
    this.inputs.push({ name: "s", type: { number: SPIKE, time: dynamic, shape: [4, 4] } });
  }

  private value(accept: (type: ValueType) => boolean): string | undefined {
    const fitting = [...this.types].filter(([, type]) => accept(type)).map(([name]) => name);
    return fitting.length === 0 ? undefined : this.random.pick(fitting);
  }

  private type(name: string): ValueType {
    const type = this.types.get(name);
    if (type === undefined) throw new Error(`no value ${name}`);
    return type;
  }

  private constant(constant: Constant): string {
    const name = this.random.chance(0.8) ? `c${this.constants.size}` : `odd name "${this.constants.size}"`;
    this.constants.set(name, constant);
    return name;
  }

  private numbers(n: number, scale: number): number[] {
    return Array.from({ length: n }, () => (this.random.chance(0.2) ? 0 : (this.random.next() - 0.5) * 2 * scale));
  }

  /** Real weights, some without an input or output channel, or small integers of one exponent for integer currents. */
  private weights(shape: readonly number[], integer: boolean): Weights {
    const n = shape.reduce((a, b) => a * b, 1);
    const out = shape[shape.length - 1] ?? 1;
    if (!integer) {
      const bias = this.random.chance(0.5) ? this.numbers(out, 1) : undefined;
      return toWeights(shape, this.pruned(shape, this.numbers(n, 0.8)), bias);
    }
    const ints = (count: number): number[] => Array.from({ length: count }, () => this.random.int(-7, 7));
    return {
      kind: "weights",
      shape,
      mantissa: Int32Array.from(ints(n)),
      exponent: new Int32Array(out).fill(this.random.int(0, 3)),
      bias: Float64Array.from(ints(out)),
    };
  }

  /** The values with some rows (input channels) and columns (output channels) of zeros, now and then with nothing else. */
  private pruned(shape: readonly number[], values: readonly number[]): number[] {
    const { random } = this;
    if (random.chance(0.6)) return [...values];
    const [channels = 1, out = 1] = shape.slice(-2);
    const loss = random.pick([0.2, 0.4, 1]);
    const [rows, columns] = [channels, out].map((m) => Array.from({ length: m }, () => random.chance(loss)));
    return values.map((v, i) =>
      rows?.[Math.floor(i / out) % channels] === true || columns?.[i % out] === true ? 0 : v,
    );
  }

  /** What quantize makes of the result of a weighted op on integers, or the f32 current. */
  private result(): Record<string, AttrValue> {
    const { random } = this;
    if (random.chance(0.4)) return {};
    return { result: "fixed", exp: random.int(-6, 1), ...(random.chance(0.5) ? { bits: random.int(3, 12) } : {}) };
  }

  private lif(): OpChoice | undefined {
    const { random } = this;
    const x = this.value(() => true);
    if (x === undefined) return undefined;
    const type = this.type(x);
    const real = type.number.kind === "real";
    const charge: Call = real
      ? random.pick([
          { name: "divide", args: [2] },
          { name: "multiply", args: [0.3] },
          { name: "decay-then-add", args: [0.25] },
          { name: "integrate", args: [] },
          { name: "cuba", args: [0.5, 0.25] },
        ])
      : random.pick([
          { name: "integrate", args: [] },
          { name: "decay", args: [2048] },
          { name: "shift", args: [1] },
          { name: "cuba", args: [1024, 512] },
        ]);
    const attrs: Record<string, AttrValue> = { charge };
    const channels = channelsOf(type);
    const thresholds = (): Constant =>
      realTensor(
        [channels],
        Float32Array.from({ length: channels }, () => (real ? random.next() + 0.2 : random.int(1, 6))),
      );
    if (random.chance(0.3)) attrs["v_th"] = { symbol: this.constant(thresholds()) };
    else if (random.chance(0.7)) attrs["v_th"] = real ? random.pick([0.5, 1, 0.3]) : random.int(1, 6);
    if (random.chance(0.2)) {
      const uniform = real ? 0.75 : 3;
      attrs["v_th"] = { symbol: this.constant(realTensor([channels], new Float32Array(channels).fill(uniform))) };
    }
    if (!["integrate", "cuba"].includes(charge.name) && random.chance(0.2)) {
      const gains = Float32Array.from({ length: channels }, () =>
        real ? random.next() + 0.1 : charge.name === "shift" ? random.int(0, 3) : random.int(0, 4096),
      );
      attrs["k"] = { symbol: this.constant(realTensor([channels], gains)) };
    }
    if (random.chance(0.4)) attrs["fire"] = random.pick(["ge", "gt"]);
    if (random.chance(0.5)) attrs["reset"] = random.pick(["hard", "soft"]);
    if (!real && random.chance(0.4)) {
      attrs["state_bits"] = random.int(4, 12);
      attrs["overflow"] = random.pick(["saturate", "wrap"]);
    }
    if (!real && random.chance(0.2)) attrs["fraction_bits"] = random.int(1, 4);
    return { name: "neuron.lif", operands: [x], attrs };
  }

  private loihi(): OpChoice | undefined {
    const { random } = this;
    const x = this.value((type) => type.number.kind === "int" && type.number.exp === 0 && type.number.hi < 2 ** 20);
    if (x === undefined) return undefined;
    const channels = channelsOf(this.type(x));
    const profile = random.pick(LOIHI_PROFILES);
    const attrs: Record<string, AttrValue> = {
      profile,
      decay_u: random.pick([0, 400, 4095]),
      decay_v: random.pick([0, 200, 4095]),
      v_th: 0,
    };
    const perChannel = (lo: number, hi: number): AttrValue => {
      const data = Float32Array.from({ length: channels }, () => random.int(lo, hi));
      return { symbol: this.constant(realTensor([channels], data)) };
    };
    if (random.chance(0.3)) attrs["v_th"] = perChannel(0, 3);
    if (profile !== "brian2" && random.chance(0.5)) attrs["bias"] = perChannel(-100, 100);
    if (profile !== "lava" && random.chance(0.5)) attrs["refractory"] = random.int(1, 3);
    if (profile === "lava" && random.chance(0.5)) attrs["current_shift"] = random.int(-2, 2);
    if (["loihi", "nengo"].includes(profile) && random.chance(0.3)) attrs["v_min"] = -random.int(0, 100);
    return { name: "neuron.loihi", operands: [x], attrs };
  }

  private weighted(): OpChoice | undefined {
    const { random } = this;
    const conv = random.chance(0.4);
    const x = this.value((type) => (conv ? type.shape.length === 3 : slotSize(type) < 200));
    if (x === undefined) return undefined;
    const type = this.type(x);
    const integer = type.number.kind === "int" && random.chance(0.4);
    const out = random.pick([2, 4]);
    const attrs: Record<string, AttrValue> = integer
      ? { result: "int" }
      : type.number.kind === "int"
        ? this.result()
        : {};
    if (!conv) {
      const symbols = [this.constant(this.weights([channelsOf(type), out], integer))];
      return { name: "synapse.dense", operands: [x], symbols, attrs };
    }
    const kernel = random.int(1, 3);
    attrs["kernel"] = kernel;
    if (random.chance(0.5)) attrs["stride"] = random.int(1, 2);
    if (random.chance(0.5)) attrs["padding"] = random.int(0, kernel - 1);
    const symbols = [this.constant(this.weights([kernel, kernel, channelsOf(type), out], integer))];
    return { name: "synapse.conv", operands: [x], symbols, attrs };
  }

  private norm(): OpChoice | undefined {
    const x = this.value((type) => type.number.kind === "real");
    if (x === undefined) return undefined;
    const channels = channelsOf(this.type(x));
    const real = (make: () => number): string =>
      this.constant(realTensor([channels], Float32Array.from({ length: channels }, make)));
    const next = (): number => this.random.next();
    const symbols = [
      real(() => next() + 0.5),
      real(() => next() - 0.5),
      real(() => next() - 0.5),
      real(() => next() + 0.5),
    ];
    return { name: "norm.batch", operands: [x], symbols };
  }

  private pool(name: string): OpChoice | undefined {
    const { random } = this;
    const kinds = (type: ValueType): boolean => name === "pool.max" || isSpike(type);
    if (name === "pool.plane") {
      const x = this.value((type) => isSpike(type) && channelsOf(type) % 2 === 0);
      return x === undefined
        ? undefined
        : { name, operands: [x], attrs: { heads: random.pick([1, 2]), kernel: random.pick([1, 3]) } };
    }
    const x = this.value((type) => kinds(type) && type.shape.length === 3);
    const kernel = random.int(1, 2);
    const attrs = random.chance(0.5) ? { kernel } : { kernel, stride: random.int(1, 2), padding: kernel - 1 };
    return x === undefined ? undefined : { name, operands: [x], attrs };
  }

  private pair(name: string): OpChoice | undefined {
    const a = this.value((type) => name !== "mask.and" || isSpike(type));
    if (a === undefined) return undefined;
    const type = this.type(a);
    const b = this.value(
      (other) =>
        other.shape.join() === type.shape.join() &&
        other.number.kind === type.number.kind &&
        isSpike(other) === isSpike(type),
    );
    if (b === undefined) return undefined;
    const saturates = name === "stream.add" && type.number.kind === "int" && this.random.chance(0.3);
    return { name, operands: [a, b], attrs: saturates ? { bits: this.random.int(2, 8) } : {} };
  }

  private attention(name: string): OpChoice | undefined {
    const { random } = this;
    const spikes = (type: ValueType): boolean =>
      isSpike(type) && type.time.period === 1 && channelsOf(type) % 2 === 0 && type.shape.length >= 2;
    const q = this.value(spikes);
    if (q === undefined) return undefined;
    const like = (type: ValueType): boolean => spikes(type) && type.shape.join() === this.type(q).shape.join();
    const [k = q, v = q] = [this.value(like), this.value(like)];
    const attrs = { heads: random.pick([1, 2]), chunk: random.pick(divisors(this.chunkOf)) };
    if (name === "attention.kv") return { name, operands: [k, v], attrs };
    const sum = random.pick(["exact", "sequential"]);
    return { name, operands: [q, k, v], attrs: { ...attrs, scale: random.pick([0.125, 0.1]), sum } };
  }

  private attentionQ(): OpChoice | undefined {
    const a = this.value((type) => type.number.kind === "int" && type.shape.length === 3);
    if (a === undefined) return undefined;
    const [heads = 0, d = 0] = this.type(a).shape;
    const q = this.value((type) => isSpike(type) && channelsOf(type) === heads * d);
    return q === undefined ? undefined : { name: "attention.q", operands: [q, a] };
  }

  private slice(): OpChoice | undefined {
    const x = this.value((type) => channelsOf(type) > 1);
    if (x === undefined) return undefined;
    const from = this.random.int(0, channelsOf(this.type(x)) - 1);
    const attrs = { from, count: this.random.int(1, channelsOf(this.type(x)) - from) };
    return { name: "channels.slice", operands: [x], attrs };
  }

  /** Scores of all timesteps (never in a net that is run in pieces) or of a chunk, the best of them, masks. */
  private selection(name: string, resumable: boolean): OpChoice | undefined {
    const { random } = this;
    const spikes = this.value(isSpike);
    if (spikes === undefined) return undefined;
    const chunk = resumable || random.chance(0.5) ? this.chunkOf : 0;
    switch (name) {
      case "tokens.score": {
        const cue = random.pick(["rate", "first-spike", "interval", "sparta"]);
        return { name, operands: [spikes], attrs: { cue, alpha: random.int(-2, 2), chunk } };
      }
      case "tokens.relevance":
        return { name, operands: [spikes, spikes], attrs: { heads: 1, chunk } };
      case "tokens.top-k": {
        const x = this.value(({ number, shape }) => number.kind === "real" && shape.length === 1);
        return x === undefined ? undefined : { name, operands: [x], attrs: { k: random.int(1, 3) } };
      }
      case "tokens.top-share": {
        const x = this.value(({ number, shape }) => number.kind === "real" && shape.length === 1);
        const [floor, more] = [random.int(1, 2), random.int(0, 2)];
        const attrs = { share: random.int(0, 4) / 4, floor, capacity: floor + more, overflow: "keep-best" };
        return x === undefined ? undefined : { name, operands: [x], attrs };
      }
      default: {
        const mask = this.value((type) => isSpike(type) && type.shape.length === 1);
        const tokens = mask === undefined ? 0 : channelsOf(this.type(mask));
        const values = this.value((type) => type.shape.length > 1 && positionsOf(type) === tokens);
        return mask === undefined || values === undefined ? undefined : { name, operands: [values, mask] };
      }
    }
  }

  private simple(name: string): OpChoice | undefined {
    const { random } = this;
    const accepts = findOp(name)?.operands[0]?.accepts;
    const x = this.value(
      ({ number }) => accepts === "any" || number.kind === accepts || (accepts === "spike" && number.kind === "int"),
    );
    const attrs: Record<string, AttrValue> =
      name === "to-int" ? { lo: -random.int(0, 8), hi: random.int(1, 8), exp: random.int(-2, 0) } : {};
    if (name.startsWith("reduce.mean") && x !== undefined && this.type(x).number.kind === "int" && random.chance(0.5)) {
      attrs["result"] = "int";
    }
    return x === undefined ? undefined : { name, operands: [x], attrs };
  }

  /** A delay of a value that will be chosen at the end. */
  private forwardDelay(): void {
    const { random } = this;
    const number = random.pick([REAL, SPIKE]);
    const shape = random.pick([
      [4, 4],
      [3, 4, 2],
    ]);
    const type: ValueType = { number, time: everyStep(this.timesteps), shape };
    const result = `d${this.ops.length}`;
    const attrs = { timesteps: random.int(1, 3), ...(random.chance(0.5) ? { init: random.int(0, 1) } : {}) };
    const op: Op = { name: "delay", result, operands: [result], symbols: [], attrs, type };
    this.ops.push(op);
    this.types.set(result, type);
    this.pendingDelays.push({ op, type });
  }

  /** Ops that only legalisation writes: sums, copies and single synapses. */
  private linear(name: string): OpChoice | undefined {
    const { random } = this;
    const operands = (accept: (type: ValueType) => boolean): string[] | undefined => {
      const x = this.value((type) => type.number.kind === "int" && accept(type));
      return x === undefined ? undefined : [x];
    };
    const choice = (found: string[] | undefined, attrs: Record<string, AttrValue> = {}): OpChoice | undefined =>
      found === undefined ? undefined : { name, operands: found, attrs };
    switch (name) {
      case "synapse.one-to-one":
        return choice(
          operands(() => true),
          { weight: random.int(-4, 4) },
        );
      case "pool.sum":
        return choice(
          operands(({ shape }) => shape.length === 3),
          { kernel: 2, padding: random.int(0, 1) },
        );
      case "pool.sum-plane":
        return choice(
          operands((type) => channelsOf(type) % 2 === 0),
          { heads: random.pick([1, 2]), kernel: random.pick([1, 3]) },
        );
      case "repeat.positions":
        return choice(
          operands(({ shape }) => shape.length === 1),
          { height: random.int(1, 3), width: random.int(0, 2) },
        );
      case "repeat.channels":
        return choice(
          operands(({ shape }) => shape.length === 1),
          { channels: random.int(1, 3), width: random.int(0, 2) },
        );
      default:
        return choice(operands(() => true));
    }
  }

  private choose(name: string, resumable: boolean): OpChoice | undefined {
    switch (name) {
      case "synapse.conv":
      case "synapse.dense":
        return this.weighted();
      case "norm.batch":
        return this.norm();
      case "neuron.lif":
        return this.lif();
      case "neuron.loihi":
        return this.loihi();
      case "pool.max":
      case "pool.or":
      case "pool.plane":
        return this.pool(name);
      case "stream.add":
      case "mask.and":
        return this.pair(name);
      case "synapse.one-to-one":
      case "pool.sum":
      case "pool.sum-plane":
      case "repeat.positions":
      case "repeat.channels":
      case "stream.relay":
        return this.linear(name);
      case "attention.statten":
      case "attention.kv":
        return this.attention(name);
      case "attention.q":
        return this.attentionQ();
      case "channels.slice":
        return this.slice();
      case "tokens.score":
      case "tokens.relevance":
      case "tokens.top-k":
      case "tokens.top-share":
      case "mask.tokens":
        return this.selection(name, resumable);
      case "constant":
        return this.constantOp(resumable);
      default:
        return this.simple(name);
    }
  }

  /** Real numbers or integers, the same at all moments or not (then it cannot be re-timed). */
  private constantOp(resumable: boolean): OpChoice {
    const { random, timesteps: T } = this;
    const shape = random.pick([[4, 4], [3, 4, 2], [2, 4], [4]]);
    const time = random.chance(0.3) ? { count: 1, period: T } : everyStep(T);
    const slots = resumable || random.chance(0.6) ? 1 : time.count;
    const number = random.pick([REAL, SPIKE, SPIKE, int(-3, 5, random.int(-1, 1))]);
    const size = slots * shape.reduce((a, b) => a * b, 1);
    const zero = random.chance(0.3);
    const values = zero ? Array.from({ length: size }, () => 0) : this.numbers(size, 1);
    const constant =
      number.kind === "real"
        ? realTensor([slots, ...shape], Float32Array.from(values))
        : intTensor(
            [slots, ...shape],
            Int32Array.from(values, () => (zero ? 0 : random.int(number.lo, number.hi))),
          );
    return { name: "constant", operands: [], symbols: [this.constant(constant)], type: { number, time, shape } };
  }

  addOp(resumable: boolean): void {
    const { random } = this;
    const often = [
      "neuron.lif",
      "neuron.lif",
      "synapse.dense",
      "synapse.conv",
      "norm.batch",
      "mask.and",
      "mask.tokens",
    ];
    const name = random.pick([...OPS.map((op) => op.name), ...often]);
    if (resumable && name === "reduce.mean-time") return;
    if (name === "delay" && random.chance(0.6)) return this.forwardDelay();
    const choice = this.choose(name, resumable);
    if (choice === undefined) return;
    const result = random.pick([`${this.ops.length + 3}`, `v${this.ops.length}`, `odd value ${this.ops.length}`]);
    const layer = name === "neuron.lif" && random.chance(0.6) ? { layer: { name: `layer "${result}"` } } : {};
    const draft = { symbols: [], attrs: {}, ...choice, result, ...layer };
    const checked = checkOp(
      draft,
      choice.operands.map((operand) => this.type(operand)),
      this.constants,
    );
    if ("faults" in checked || slotSize(checked.type) > 400) return;
    this.ops.push({ ...draft, type: checked.type });
    this.types.set(result, checked.type);
  }

  /** A chain that passes look for, its last value read by a neuron: weights and norms, an attention, counts of spikes. */
  addMotif(): void {
    const { random } = this;
    const push = (choice: OpChoice | undefined): string | undefined => {
      if (choice === undefined) return undefined;
      const result = `m${this.ops.length}`;
      const layer = choice.name === "neuron.lif" ? { layer: { name: `layer ${result}` } } : {};
      const draft = { symbols: [], attrs: {}, ...choice, result, ...layer };
      const operandTypes = choice.operands.map((operand) => this.type(operand));
      const checked = checkOp(draft, operandTypes, this.constants);
      if ("faults" in checked || slotSize(checked.type) > 400) return undefined;
      this.ops.push({ ...draft, type: checked.type });
      this.types.set(result, checked.type);
      return result;
    };
    const neuron = (x: string, vTh: AttrValue): string | undefined => {
      const charge = random.pick([
        { name: "divide", args: [2] },
        { name: "multiply", args: [0.3] },
        { name: "integrate", args: [] },
      ]);
      const rest = { fire: random.pick(["ge", "gt"]), reset: random.pick(["hard", "hard", "soft"]) };
      return push({ name: "neuron.lif", operands: [x], attrs: { charge, v_th: vTh, ...rest } });
    };
    const kind = random.pick(["norm", "norm", "attention", "counts", "projections", "silent", "pruned", "pruned"]);
    if (kind === "norm") {
      let x = push(this.weighted());
      for (let i = random.int(1, 2); i > 0 && x !== undefined; i--) x = push(this.signedNorm(x));
      if (x !== undefined) neuron(x, random.pick([0.5, 1, 0.3]));
    } else if (kind === "attention") {
      const o = push(this.attention("attention.statten"));
      if (o !== undefined) neuron(o, random.pick([0.5, 0.3]));
    } else if (kind === "counts") {
      const spikes = this.value((type) => isSpike(type) && type.time.period === 1);
      const n = spikes === undefined ? undefined : push({ name: "reduce.sum-positions", operands: [spikes] });
      const x = n === undefined ? undefined : push({ name: "to-real", operands: [n] });
      if (x !== undefined) neuron(x, random.pick([0.5, 1, 0.2, 2]));
    } else if (kind === "pruned") {
      // A hidden layer between two pruned weighted ops, perhaps with a norm and a pool, perhaps read twice.
      const spikes = this.value((type) => isSpike(type) && slotSize(type) < 200);
      if (spikes === undefined) return;
      const pruned = (x: string, out: number): OpChoice => {
        const shape = [channelsOf(this.type(x)), out];
        const bias = random.chance(0.5) ? this.numbers(out, 1) : undefined;
        const values = this.pruned(shape, this.pruned(shape, this.numbers(shape[0]! * out, 0.8)));
        const attrs = random.chance(0.3) ? this.result() : {};
        return {
          name: "synapse.dense",
          operands: [x],
          symbols: [this.constant(toWeights(shape, values, bias))],
          attrs,
        };
      };
      let x = push(pruned(spikes, 6));
      if (x === undefined) return;
      const real = this.type(x).number.kind === "real";
      if (real && random.chance(0.3)) x = push(this.signedNorm(x)) ?? x;
      const thresholds = realTensor(
        [6],
        Float32Array.from({ length: 6 }, () => random.next() + 0.2),
      );
      const vTh = random.chance(0.5) ? 1 : { symbol: this.constant(thresholds) };
      let hidden = real
        ? neuron(x, vTh)
        : push({ name: "neuron.lif", operands: [x], attrs: { charge: { name: "integrate", args: [] }, v_th: 3 } });
      if (hidden === undefined) return;
      if (this.type(hidden).shape.length === 3 && random.chance(0.5)) {
        hidden = push({ name: "pool.or", operands: [hidden], attrs: { kernel: 2 } }) ?? hidden;
      }
      for (let i = random.int(1, 2); i > 0; i--) {
        const y = push(pruned(hidden, 4));
        if (y !== undefined && this.type(y).number.kind === "real") neuron(y, 0.5);
      }
    } else if (kind === "projections") {
      const spikes = this.value((type) => isSpike(type) && slotSize(type) < 200);
      for (let i = 0; i < 3 && spikes !== undefined; i++) {
        const symbols = [this.constant(this.weights([channelsOf(this.type(spikes)), random.pick([2, 4])], false))];
        const y = push({ name: "synapse.dense", operands: [spikes], symbols });
        if (y !== undefined && random.chance(0.5)) neuron(y, 0.5);
      }
    } else {
      const spikes = this.value((type) => isSpike(type) && slotSize(type) < 200);
      if (spikes === undefined) return;
      const dense = (x: string, out: number): string | undefined => {
        const shape = [channelsOf(this.type(x)), out];
        const values = this.numbers(shape[0]! * out, 0.8);
        return push({ name: "synapse.dense", operands: [x], symbols: [this.constant(toWeights(shape, values))] });
      };
      const stream = dense(spikes, 2);
      const current = dense(spikes, 4);
      const silent = current === undefined ? undefined : neuron(current, 40);
      const branch = silent === undefined ? undefined : dense(silent, 2);
      if (stream !== undefined && branch !== undefined) push({ name: "stream.add", operands: [stream, branch] });
    }
  }

  /** A batch norm whose gains may be negative or zero. */
  private signedNorm(x: string): OpChoice | undefined {
    const type = this.type(x);
    if (type.number.kind !== "real") return undefined;
    const channels = channelsOf(type);
    const real = (make: () => number): string =>
      this.constant(realTensor([channels], Float32Array.from({ length: channels }, make)));
    const { random } = this;
    const gain = (): number => (random.chance(0.15) ? 0 : (random.next() + 0.3) * random.pick([-1, 1]));
    const signed = (): number => random.next() - 0.5;
    const symbols = [real(gain), real(signed), real(signed), real(() => random.next() + 0.5)];
    return { name: "norm.batch", operands: [x], symbols };
  }

  /** Values that depend on a value. */
  private behind(value: string): ReadonlySet<string> {
    const found = new Set([value]);
    for (const op of this.ops) if (op.operands.some((name) => found.has(name))) found.add(op.result);
    found.delete(value);
    return found;
  }

  /** Gives every forward delay a value of its type; a value behind it where that makes a legal cycle. */
  closeDelays(net: () => Net): void {
    for (const { op, type } of this.pendingDelays) {
      const fitting = this.random.shuffle(
        [...this.types].filter(([, other]) => JSON.stringify(other) === JSON.stringify(type)).map(([name]) => name),
      );
      const index = this.ops.indexOf(op);
      const behind = this.behind(op.result);
      fitting.sort((a, b) => Number(behind.has(b)) - Number(behind.has(a)));
      const closed = fitting.find((operand) => {
        this.ops[index] = { ...op, operands: [operand] };
        return verifyNet(net()).length === 0;
      });
      this.ops[index] = { ...op, operands: [closed ?? op.result] };
    }
  }
}

/** A legal net; the same for the same seed and options. */
export function randomNet(seed: number, options: RandomNetOptions = {}): Net {
  const random = new Random(seed);
  const timesteps = options.timesteps ?? random.pick([1, 2, 4, 6]);
  const generator = new Generator(random, timesteps, options.chunkOf ?? timesteps);
  generator.addInputs();
  for (let i = 0; i < (options.ops ?? random.int(6, 30)); i++) {
    if (options.motifs === true && random.chance(0.3)) generator.addMotif();
    else generator.addOp(options.resumable === true);
  }
  const values = [...generator.types.keys()];
  const outputs = Array.from({ length: random.int(1, 4) }, (_, i) => ({
    name: `out ${i}`,
    value: random.pick(values),
  }));
  const named = outputs.length === 1 ? [{ name: "out", value: outputs[0]?.value ?? "x0" }] : outputs;
  const net = (): Net => ({
    name: `random${seed}`,
    inputs: generator.inputs,
    outputs: named,
    ops: [...generator.ops],
    constants: generator.constants,
  });
  generator.closeDelays(net);
  return net();
}

/** Inputs for a net, inside their ranges. */
export function randomInputs(net: Net, seed: number): ReadonlyMap<string, number[]> {
  const random = new Random(seed ^ 0x5bd1e995);
  return new Map(
    net.inputs.map(({ name, type }) => {
      const { number } = type;
      const one = (): number =>
        number.kind === "real" ? Math.fround((random.next() - 0.4) * 3) : random.int(number.lo, number.hi);
      return [name, Array.from({ length: slotSize(type) * type.time.count }, one)];
    }),
  );
}

/** Whether a net has a cycle, for tests of the generator itself. */
export function hasCycle(net: Net): boolean {
  return components(net).some((component) => component.cyclic && component.ops.length > 1);
}
