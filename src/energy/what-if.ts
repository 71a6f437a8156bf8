import type { Net } from "../ir/index.js";
import type { Layer, OperandActivity } from "./activity.js";
import type { Work } from "./conventions/convention.js";
import type { EventCount, LayerEvents } from "./count.js";
import type { NetEvent } from "./op-events.js";
import type { EnergyTable } from "./table.js";

/** Other firing rates and other operand widths of the same counts: nothing is trained, nothing is evaluated again. */

/** Events of which there are as many as spikes times what each of them reaches; all others happen whether anything fires or not. */
const SPIKE_DRIVEN: readonly NetEvent[] = ["ac", "kv", "qa", "sop"];

/** Whether an operand is made of spikes of this net: they themselves, or their sums. */
function isDriven({ beforeNeurons, inputs }: Layer, operand: number): boolean {
  return !beforeNeurons && inputs[operand]?.class !== "real";
}

function scaled(values: readonly number[], by: number): readonly number[] {
  return values.map((value) => by * value);
}

function scaledEvents(events: LayerEvents, by: number): LayerEvents {
  const driven = SPIKE_DRIVEN.map((event) => [event, events[event].map((n) => by * n)]);
  return { ...events, ...(Object.fromEntries(driven) as Partial<LayerEvents>) };
}

function scaledCounts(counts: EventCount, layers: readonly Layer[], by: number): EventCount {
  const driven = new Set(layers.filter((layer) => isDriven(layer, 0)).map(({ result }) => result));
  const events = [...counts.layers].map(
    ([result, mine]) => [result, driven.has(result) ? scaledEvents(mine, by) : mine] as const,
  );
  return { ...counts, layers: new Map(events) };
}

/**
 * The same work if every neuron fired `by` times as often: rates of neurons and means of what is made of their spikes times `by`,
 * and the exact events that spikes drive with them. Those are then an expectation, that of spikes dropped (or doubled) at random
 * without regard to where they are; an evaluation at other rates would count other ones. Pools are not redone: a mean behind a
 * pool is scaled as it is.
 */
export function scaleRates(work: Work, by: number): Work {
  const { layers, activity, counts } = work;
  const inputs = layers.map(({ result }, i) => {
    const operands = activity.inputs.get(result) ?? [];
    const scale = (operand: OperandActivity | undefined, at: number): OperandActivity | undefined =>
      operand === undefined || !isDriven(layers[i]!, at) ? operand : { ...operand, mean: scaled(operand.mean, by) };
    return [result, operands.map(scale)] as const;
  });
  const firing = [...activity.firing].map(([name, rates]) => [name, scaled(rates, by)] as const);
  return {
    layers,
    activity: { ...activity, firing: new Map(firing), inputs: new Map(inputs) },
    ...(counts === undefined ? {} : { counts: scaledCounts(counts, layers, by) }),
  };
}

export interface PeakRate {
  /** 1 is a spike of every neuron, at one timestep in every sample. */
  readonly rate: number;
  /** What fires so often: a neuron layer, or the input of a layer. */
  readonly where: string;
}

/** The highest rate of spikes at a single timestep, before pools and behind them; 0 of what never fires. */
export function peakRate({ layers, activity }: Work): PeakRate {
  let peak: PeakRate = { rate: 0, where: "" };
  const look = (rates: readonly number[], where: string): void => {
    for (const rate of rates) if (rate > peak.rate) peak = { rate, where };
  };
  for (const [name, rates] of activity.firing) look(rates, `\`${name}\``);
  for (const layer of layers) {
    for (const [at, operand] of (activity.inputs.get(layer.result) ?? []).entries()) {
      const spikes = layer.inputs[at]?.class === "spike" && isDriven(layer, at);
      if (spikes && operand !== undefined) look(operand.mean, `the input of \`${layer.name}\``);
    }
  }
  return peak;
}

/** Trained weights and biases of a net; batch norms that are not folded yet are not among them. */
export function countParameters(net: Net): number {
  let parameters = 0;
  for (const constant of net.constants.values()) {
    if (constant.kind !== "weights") continue;
    const { mantissa, bias } = constant;
    parameters += mantissa.length + (bias.some((b) => b !== 0) ? bias.length : 0);
  }
  return parameters;
}

/** Bits of one operand of a table; undefined where it does not say. */
export function operandBits({ operands }: EnergyTable): number | undefined {
  return operands === undefined ? undefined : Number(operands.replace(/^\D+/, ""));
}

/** The first table of an operand format (`int8`) or of a number of bits (`8`): nothing is interpolated between widths. */
export function tableOfWidth(width: string, tables: readonly EnergyTable[]): EnergyTable | undefined {
  const bits = /^\d+$/.test(width) ? Number(width) : undefined;
  return tables.find((table) => table.operands === width || (bits !== undefined && operandBits(table) === bits));
}
