import { channelsOf, chargeReal, sourceChannels, viewOf, type Evaluation, type Net, type Op } from "../ir/index.js";
import { DiagnosticError } from "../diagnostics/index.js";
import { validateDiagnostics } from "./diagnostics.js";
import type { RecordedLayer } from "./recorded-case.js";

/** Where the first mismatch of a layer lies, and how far its potential was from the threshold. */
export interface Mismatch {
  readonly sample: number;
  readonly timestep: number;
  readonly position: number;
  readonly channel: number;
  readonly expected: number;
  /** Potential before the comparison, if the net's neuron is real. */
  readonly h?: number;
  readonly vTh?: number;
}

export interface LayerAgreement {
  readonly name: string;
  /** Recorded channels that the net declares removed, and that were not compared. */
  readonly removedChannels: number;
  /** Spikes expected, over all samples and timesteps. */
  readonly spikes: number;
  /** Fraction of (neuron, timestep) pairs that agree. */
  readonly agreement: number;
  readonly mismatches: number;
  /** Mismatches with |h - v_th| > 4 x the recorded rounding noise of the layer. */
  readonly outsideMargin: number;
  readonly first?: Mismatch;
}

/** Counts mismatches of one layer over samples. */
export class LayerTally {
  private spikes = 0;
  private compared = 0;
  private mismatches = 0;
  private outside = 0;
  private first: Mismatch | undefined;
  /** Recorded channels that the net does not have. */
  removedChannels = 0;

  constructor(readonly name: string) {}

  /**
   * Compares one timestep. `potential` is asked for at mismatches only; without it, or where it lies further than `margin` from the
   * threshold, a mismatch counts as outside the margin.
   */
  compare(
    expected: Uint8Array,
    got: ArrayLike<number>,
    place: { readonly sample: number; readonly timestep: number; readonly channels: number; readonly margin: number },
    potential?: (element: number) => { readonly h: number; readonly vTh: number } | undefined,
  ): void {
    this.compared += expected.length;
    for (let i = 0; i < expected.length; i++) {
      this.spikes += expected[i]!;
      if (expected[i] === got[i]) continue;
      this.mismatches++;
      const seen = potential?.(i);
      if (seen === undefined || Math.abs(seen.h - seen.vTh) > place.margin) this.outside++;
      this.first ??= {
        sample: place.sample,
        timestep: place.timestep,
        position: Math.floor(i / place.channels),
        channel: i % place.channels,
        expected: expected[i]!,
        ...seen,
      };
    }
  }

  finish(): LayerAgreement {
    return {
      name: this.name,
      removedChannels: this.removedChannels,
      spikes: this.spikes,
      agreement: this.compared === 0 ? 1 : 1 - this.mismatches / this.compared,
      mismatches: this.mismatches,
      outsideMargin: this.outside,
      ...(this.first === undefined ? {} : { first: this.first }),
    };
  }
}

/**
 * Recomputes the potential h of one neuron at one timestep from its recorded input currents; for the margin of a mismatch.
 * Real neurons without synaptic state only.
 */
export function potentialAt(
  net: Net,
  op: Op,
  evaluation: Pick<Evaluation, "values">,
  element: number,
  timestep: number,
): { readonly h: number; readonly vTh: number } | undefined {
  if (op.name !== "neuron.lif") return undefined;
  const view = viewOf(net, op);
  const currents = evaluation.values.get(op.operands[0] ?? "");
  const charge = view.call("charge");
  if (currents === undefined || view.operand(0).number.kind !== "real" || charge.name === "cuba") return undefined;
  const channels = op.type.shape[op.type.shape.length - 1] ?? 1;
  const vTh = view.perChannel("v_th", channels)[element % channels]!;
  const gain =
    op.attrs["k"] === undefined
      ? Math.fround(charge.args[0] ?? 0)
      : view.perChannel("k", channels)[element % channels]!;
  const reset = view.number("v_reset");
  const [ge, hard] = [view.word("fire") === "ge", view.word("reset") === "hard"];
  const { period } = view.operand(0).time;
  let v = Math.fround(view.number("v0"));
  let h = v;
  for (let t = 0; t <= timestep; t++) {
    h = chargeReal(charge.name, currents[Math.floor(t / period)]![element]!, v, reset, gain, 0, 0);
    const spike = ge ? h >= vTh : h > vTh;
    v = spike ? (hard ? reset : Math.fround(h - vTh)) : h;
  }
  return { h, vTh };
}

/**
 * The recorded spikes of one layer, sample and timestep, in the channels that the op still has. Throws where the op's channels are not
 * those of the recording without the ones declared removed.
 */
export function recordedSlot(
  layer: RecordedLayer,
  op: Op,
  timesteps: number,
  sample: number,
  timestep: number,
): Uint8Array {
  const { positions, channels } = layer;
  const size = positions * channels;
  const from = (sample * timesteps + timestep) * size;
  const all = layer.spikes.subarray(from, from + size);
  if (op.layer?.removed === undefined) return all;
  const kept = sourceChannels(op.layer, channelsOf(op.type));
  const removed = op.layer.removed.length;
  if (kept.length + removed !== channels || kept.some((c) => c >= channels)) {
    const message = `layer \`${layer.name}\` was recorded with ${channels} channels, the net has ${kept.length} and declares ${removed} removed`;
    throw new DiagnosticError(validateDiagnostics.make("bad-case", message));
  }
  return Uint8Array.from({ length: positions * kept.length }, (_, i) => {
    return all[Math.floor(i / kept.length) * channels + kept[i % kept.length]!]!;
  });
}
