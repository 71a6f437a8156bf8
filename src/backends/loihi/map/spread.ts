import type { LoihiChip } from "../../../chips/loihi.js";
import type { LegalNet } from "../legal-net.js";
import { headElements, type HeadGroup } from "./attention.js";
import type { Placed } from "./core-memory.js";
import type { Cores, FilledCore } from "./cores.js";
import { cutPart } from "./cut-part.js";
import type { NeuronConfiguration } from "./neurons.js";
import { slotsOf } from "./place.js";
import { CoreMeter } from "./resources.js";
import { longestStep, StepTimes, timeAt, type CoreTime } from "./step-time.js";

/** A neuro-core or an attention core, with the time that it is expected to take. */
type TimedCore = {
  readonly time: CoreTime;
  /** Its senders, among the elements of all sources. */
  readonly elements: readonly number[];
} & ({ readonly kind: "neuro"; readonly core: FilledCore } | { readonly kind: "attention"; readonly core: HeadGroup });
type NeuroCore = TimedCore & { readonly kind: "neuro" };

/** What spreading did, for people: times are expected ones of a sample, ps. */
export interface Spread {
  readonly cores: Cores;
  readonly before: number;
  readonly after: number;
}

/**
 * Uses the cores that a network leaves free to make its steps shorter: the core for which the longest step waits is cut in two, over
 * and over, while that is expected to help. A step is left alone once its slowest core cannot be cut.
 */
export function spread(
  cores: Cores,
  legal: LegalNet,
  configurations: ReadonlyMap<string, NeuronConfiguration>,
  chip: LoihiChip,
  rates: Float64Array,
): Spread {
  return new Spreading(cores, legal, configurations, chip, rates).run();
}

class Spreading {
  private readonly times: StepTimes;
  private readonly meter: CoreMeter;
  /** Cores that hear each element. */
  private readonly routes: Int32Array;
  /** First element of each population. */
  private readonly firsts: readonly number[];
  private cores: TimedCore[];

  constructor(
    private readonly given: Cores,
    private readonly legal: LegalNet,
    configurations: ReadonlyMap<string, NeuronConfiguration>,
    private readonly chip: LoihiChip,
    rates: Float64Array,
  ) {
    const { sources } = given.reader;
    this.routes = given.routes.slice();
    this.firsts = legal.populations.map(({ value }) => sources.first[sources.index.get(value)!]!);
    this.times = new StepTimes(legal, chip, sources, rates, this.routes);
    // Output axons are counted here: what is cut changes those of other cores.
    this.meter = new CoreMeter(
      chip,
      legal.populations.map(({ value }) => configurations.get(value)),
      () => 0,
    );
    this.cores = [
      ...given.neuro.map((core) => this.timedNeuro(core)),
      ...given.attention.map((core) => this.timedAttention(core)),
    ];
  }

  run(): Spread {
    const { neuro, attention } = slotsOf(this.chip);
    const free = {
      neuro: neuro.length - this.given.neuro.length,
      attention: attention.length - this.given.attention.length,
    };
    const before = this.times.ofSample(this.cores.map(({ time }) => time));
    let best = { after: before, cores: this.given };
    const left = new Set(Array.from({ length: this.times.steps }, (_, step) => step));
    while (left.size > 0) {
      const { step, at } = this.slowest(left);
      const { kind } = this.cores[at]!;
      if (free[kind] === 0 || !this.cut(at)) {
        left.delete(step);
        continue;
      }
      free[kind]--;
      const after = this.times.ofSample(this.cores.map(({ time }) => time));
      if (after < best.after) best = { after, cores: this.finished() };
    }
    return { before, ...best };
  }

  /** Of some steps the longest, and its slowest core. */
  private slowest(steps: Iterable<number>): { readonly step: number; readonly at: number } {
    let [found, most] = [{ step: -1, at: -1 }, -1];
    for (const step of steps) {
      this.cores.forEach(({ time }, at) => {
        if (timeAt(time, step) <= most) return;
        most = timeAt(time, step);
        found = { step, at };
      });
    }
    return found;
  }

  /** Cuts a core in two; false where it cannot be, or its senders have no output axons for both. */
  private cut(at: number): boolean {
    const timed = this.cores[at]!;
    if (timed.kind === "attention") {
      const halves = halvesOfHeads(timed.core);
      if (halves.length === 0) return false;
      this.cores.splice(at, 1, ...halves.map((core) => this.timedAttention(core)));
      return true;
    }
    const ways = this.waysToCut(timed.core.parts)
      .map((halves) => halves.flatMap((parts) => this.timed(parts) ?? []))
      .filter((halves) => halves.length === 2)
      .map((halves) => ({ halves, longest: Math.max(...halves.map(({ time }) => longestStep(time))) }));
    for (const { halves } of ways.sort((a, b) => a.longest - b.longest)) {
      const [one, other] = halves.map(({ core }) => core.memory.entries);
      const both = new Uint8Array(this.routes.length);
      for (const source of one!.keys()) if (other!.has(source)) both[source] = 1;
      const cores = this.cores.toSpliced(at, 1, ...halves);
      if (!cores.every((core) => this.outputsOf(core, both) <= this.outputLimit(core))) continue;
      both.forEach((more, source) => (this.routes[source]! += more));
      this.cores = cores.map((core) => this.sendingAnew(core));
      return true;
    }
    return false;
  }

  /** Two lists of parts for a core's: its parts dealt; or of its one part, halves by positions, and by channels. */
  private waysToCut(parts: readonly Placed[]): readonly (readonly (readonly Placed[])[])[] {
    if (parts.length > 1) return [this.dealt(parts)];
    const [placed] = parts as readonly [Placed];
    const { neurons, width } = placed.part;
    const positions = neurons.length / width;
    const across = Math.ceil(positions / 2) * width;
    const along = Math.ceil(width / 2);
    const halves = [
      ...(positions === 1 ? [] : [cutPart(placed, [width, width], (c) => (c < across ? 0 : 1))]),
      ...(width === 1 ? [] : [cutPart(placed, [along, width - along], (c) => (c % width < along ? 0 : 1))]),
    ];
    return halves.map((two) => two.map((each) => [each]));
  }

  /** Parts in two cores: the slowest first, each to where less has been dealt. */
  private dealt(parts: readonly Placed[]): readonly (readonly Placed[])[] {
    const slowness = new Map(parts.map((placed) => [placed, longestStep(this.timed([placed])!.time)]));
    const piles = [0, 1].map(() => ({ parts: [] as Placed[], time: 0 }));
    for (const placed of parts.toSorted((a, b) => slowness.get(b)! - slowness.get(a)!)) {
      const [least, most] = piles as [(typeof piles)[number], (typeof piles)[number]];
      const pile = least.time <= most.time ? least : most;
      pile.parts.push(placed);
      pile.time += slowness.get(placed)!;
    }
    return piles.map((pile) => pile.parts);
  }

  /** A core of these parts; undefined where it has too little of something, output axons apart. */
  private timed(parts: readonly Placed[]): NeuroCore | undefined {
    let first = 0;
    const placed = parts.map((each) => {
      const here = { ...each, first };
      first += each.part.neurons.length;
      return here;
    });
    const measured = this.meter.measure(placed);
    if ("shape" in measured || this.meter.short(measured.usage) !== undefined) return undefined;
    return this.timedNeuro({ parts: placed, ...measured });
  }

  private timedNeuro(core: FilledCore): NeuroCore {
    const elements = core.parts.flatMap(({ part }) =>
      Array.from(part.neurons, (j) => this.firsts[part.population]! + j),
    );
    return { kind: "neuro", core, elements, time: this.times.neuro(core.parts, core.memory) };
  }

  private timedAttention(core: HeadGroup): TimedCore {
    const first = this.firsts[core.population]!;
    const elements = headElements(core, this.legal.populations[core.population]!.elements).map(
      (element) => first + element,
    );
    return { kind: "attention", core, elements, time: this.times.attention(core) };
  }

  private sendingAnew(timed: TimedCore): TimedCore {
    const { kind, core } = timed;
    if (kind === "attention") return { ...timed, time: this.times.attention(core) };
    return { ...timed, time: { ...timed.time, sending: this.times.sendingOf(core.parts) } };
  }

  /** Output axons of a core whose senders are heard by as many cores more as `more` says. */
  private outputsOf({ elements }: TimedCore, more?: Uint8Array): number {
    return elements.reduce((sum, element) => sum + this.routes[element]! + (more?.[element] ?? 0), 0);
  }

  private outputLimit({ kind }: TimedCore): number {
    return kind === "neuro" ? this.chip.core.outputAxons : this.chip.attention!.outputAxons;
  }

  private finished(): Cores {
    return {
      reader: this.given.reader,
      routes: this.routes.slice(),
      neuro: this.cores.flatMap((timed) =>
        timed.kind === "neuro"
          ? [{ ...timed.core, usage: { ...timed.core.usage, outputAxons: this.outputsOf(timed) } }]
          : [],
      ),
      attention: this.cores.flatMap((timed) => (timed.kind === "attention" ? [timed.core] : [])),
    };
  }
}

/** Both halves of the heads of an attention core; none where it has one head. */
function halvesOfHeads(group: HeadGroup): readonly HeadGroup[] {
  const { heads, headDim, firstChannel } = group;
  if (heads === 1) return [];
  const half = Math.ceil(heads / 2);
  return [
    { ...group, heads: half },
    { ...group, heads: heads - half, firstChannel: firstChannel + half * headDim },
  ];
}
