import type { LoihiChip } from "../../../chips/loihi.js";
import { gather, SPLITS, type Part, type Split, type Unstorable } from "./core-memory.js";
import type { CoreMeter, Resource, Usage } from "./resources.js";
import type { Incoming } from "./synapses.js";

/** A part, with what it uses in a core of its own. */
export interface Measured {
  readonly part: Part;
  readonly usage: Usage;
  /** Sources that it hears: each of them needs an output axon for it. */
  readonly heard: number;
}

/** Why a population fits no core, even neuron by neuron. */
export type Misfit =
  | { readonly kind: "unstorable"; readonly why: Unstorable }
  | { readonly kind: "resource"; readonly resource: Resource; readonly usage: Usage };

/** How a population is cut: slices of `width` channels, each filled position by position. */
interface Cut {
  readonly width: number;
  readonly split: Split;
}

/**
 * Cuts a population of positions x channels into parts that fit a core each. Weights of a position are those of the others, so a
 * core that holds few channels of many positions stores few weights; one that holds all channels of few positions hears few
 * sources. Every width is tried with lists for runs of positions, the best one also with shorter and longer lists; the fewest parts
 * win, then the fewest bits.
 */
export function partition(
  population: number,
  { positions, channels }: { readonly positions: number; readonly channels: number },
  incoming: Incoming,
  chip: LoihiChip,
  meter: CoreMeter,
): readonly Measured[] | Misfit {
  let best: { readonly cut: Cut; readonly parts: readonly Measured[] } | undefined;
  let misfit: Misfit | undefined;
  /** Whether a cut is the best so far. */
  const attempt = (cut: Cut): boolean => {
    const parts = new Filling(population, { positions, channels }, cut, incoming, chip, meter).run(best?.parts.length);
    if (parts === undefined) return false;
    if ("kind" in parts) {
      misfit = parts;
      return false;
    }
    const better = best === undefined || isCheaper(parts, best.parts, chip);
    if (better) best = { cut, parts };
    return better;
  };
  let worse = 0;
  for (const width of widths(positions, channels)) {
    const known = best !== undefined;
    worse = attempt({ width, split: positions === 1 ? "whole" : "runs" }) || !known ? 0 : worse + 1;
    // Narrower slices only hear more: once they got worse so often, they stay so.
    if (worse === PATIENCE) break;
  }
  const width = best?.cut.width ?? 1;
  for (const split of positions === 1 ? [] : SPLITS.filter((each) => each !== "runs")) attempt({ width, split });
  return best?.parts ?? misfit!;
}

/** Cores of a cut, with what its messages take of the cores that send them: those may be full of output axons. Then bits. */
function isCheaper(a: readonly Measured[], b: readonly Measured[], { core }: LoihiChip): boolean {
  const total = (parts: readonly Measured[], of: (part: Measured) => number): number =>
    parts.reduce((sum, part) => sum + of(part), 0);
  const cores = (parts: readonly Measured[]): number =>
    parts.length + total(parts, ({ heard }) => heard) / core.outputAxons;
  const bits = (parts: readonly Measured[]): number => total(parts, ({ usage }) => usage.synapseBits);
  return cores(a) < cores(b) || (cores(a) === cores(b) && bits(a) < bits(b));
}

/** Slices up to which every number of slices is tried, then every power of two. */
const FEW_SLICES = 8;

/** Channels of a slice; of a single position, channels are counted off one by one. */
function widths(positions: number, channels: number): readonly number[] {
  if (positions === 1) return [1];
  const found = new Set<number>();
  for (let slices = 1; slices < channels; slices += slices < FEW_SLICES ? 1 : slices)
    found.add(Math.ceil(channels / slices));
  return [...found, 1];
}

/** Widths without success after which narrower ones are not tried. */
const PATIENCE = 3;

/** A cut that after its first parts would need this many times the parts of the best one is given up. */
const HOPELESS = 1.5;
const FIRST_PARTS = 4;

class Filling {
  private readonly found: Measured[] = [];
  private guess = 1;

  constructor(
    private readonly population: number,
    private readonly shape: { readonly positions: number; readonly channels: number },
    private readonly cut: Cut,
    private readonly incoming: Incoming,
    private readonly chip: LoihiChip,
    private readonly meter: CoreMeter,
  ) {}

  /** The parts; undefined where there would be more than `most`. */
  run(most = Infinity): readonly Measured[] | Misfit | undefined {
    const { width } = this.cut;
    // Of a single position, channels are what is counted off.
    const flat = this.shape.positions === 1;
    const channels = flat ? 1 : this.shape.channels;
    const positions = flat ? this.shape.channels : this.shape.positions;
    let done = 0;
    for (let channel = 0; channel < channels; channel += width) {
      const wide = Math.min(width, channels - channel);
      for (let position = 0; position < positions;) {
        const taken = this.largest(channel, wide, position, positions - position, channels);
        if ("kind" in taken) return taken;
        this.found.push(taken);
        done += taken.part.neurons.length;
        const projected = (this.found.length * channels * positions) / done;
        const hopeless = this.found.length >= FIRST_PARTS && projected > HOPELESS * most;
        if (this.found.length > most || hopeless) return undefined;
        position += taken.part.neurons.length / wide;
      }
    }
    return this.found;
  }

  /** The largest part from a position on that fits a core. */
  private largest(channel: number, wide: number, from: number, left: number, channels: number): Measured | Misfit {
    const roof = Math.min(left, Math.max(1, Math.floor(this.chip.core.compartments / wide)));
    let [fits, over] = [0, roof + 1];
    let best: Measured | undefined;
    let why: Misfit | undefined;
    // Parts of one slice are alike: what fits is found next to the last one. A probe costs its synapses, so the first part grows from
    // one position, instead of shrinking from all.
    let probe = Math.min(this.guess, roof);
    let step = 1;
    while (over - fits > 1) {
      const tried = this.measure(channel, wide, from, probe, channels);
      if ("kind" in tried) {
        [over, why] = [probe, tried];
      } else {
        [fits, best] = [probe, tried];
      }
      probe = over > roof ? Math.min(fits + step, roof) : Math.floor((fits + over) / 2);
      step *= 2;
    }
    this.guess = Math.max(1, fits);
    return best ?? why!;
  }

  private measure(channel: number, wide: number, from: number, count: number, channels: number): Measured | Misfit {
    const neurons = new Int32Array(count * wide);
    for (let p = 0; p < count; p++) {
      for (let c = 0; c < wide; c++) neurons[p * wide + c] = (from + p) * channels + channel + c;
    }
    const part = { population: this.population, neurons, width: wide, split: this.cut.split };
    const synapses = gather(part, this.incoming);
    const measured = this.meter.measure([{ part, synapses, first: 0 }]);
    if ("shape" in measured) return { kind: "unstorable", why: measured };
    const { usage } = measured;
    const resource = this.meter.short(usage);
    return resource === undefined
      ? { part, usage, heard: synapses.source.length }
      : { kind: "resource", resource, usage };
  }
}
