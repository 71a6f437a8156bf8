import { internalError } from "../../diagnostics/index.js";
import { evaluate, flatten, type EvaluateOptions, type Net, type Slot } from "../../ir/index.js";
import { argmax } from "../../math/tensor.js";
import type { PassTable } from "../../passes/pass.js";
import type { LegalNet, LegalOutput, LegalSource } from "./legal-net.js";

/**
 * Runs a legal net by the evaluator: prefix, chip, suffix. Returns the outputs of the network, all moments flat, as `evaluate` of the
 * net that was legalised gives them. What the chip computes has no local time here. `intercept` sees all three parts.
 */
export function runLegal(
  legal: LegalNet,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
  intercept?: NonNullable<EvaluateOptions["intercept"]>,
): ReadonlyMap<string, Slot> {
  const results = new Map<string, ArrayLike<number>>();
  const read = ({ from, source, every = 1 }: LegalSource | LegalOutput): ArrayLike<number> => {
    const found = from === "network" ? inputs.get(source) : results.get(`${from} ${source}`);
    if (found === undefined) throw internalError(`no ${from} value %${source}`);
    if (every === 1) return found;
    const size = found.length / legal.timesteps;
    return Int32Array.from({ length: found.length / every }, (_, i) => {
      return found[Math.floor(i / size) * every * size + (i % size)]!;
    });
  };
  const run = (
    part: LegalOutput["from"],
    net: LegalNet["net"],
    given: ReadonlyMap<string, ArrayLike<number>>,
  ): void => {
    const { outputs } = evaluate(net, given, intercept === undefined ? {} : { intercept });
    for (const [name, value] of outputs) results.set(`${part} ${name}`, flatten(value));
  };
  const sources = (from: readonly LegalSource[]) => new Map(from.map((source) => [source.name, read(source)]));
  if (legal.prefix !== undefined) run("prefix", legal.prefix, inputs);
  run("chip", legal.net, sources(legal.inputs));
  if (legal.suffix !== undefined) run("suffix", legal.suffix, sources(legal.suffixInputs));
  return new Map(
    legal.outputs.map((output) => {
      const value = read(output);
      return [
        output.name,
        value instanceof Float32Array || value instanceof Int32Array ? value : Float32Array.from(value),
      ];
    }),
  );
}

/** How alike the spikes of a net and of its legal form are on some samples: what an approximation costs. */
export function agreementTable(
  net: Net,
  legal: LegalNet,
  samples: readonly ReadonlyMap<string, ArrayLike<number>>[],
): PassTable {
  const counts = new Map<string, { compared: number; equal: number }>();
  let changed = 0;
  for (const sample of samples) {
    const expected = new Map<string, Slot>();
    const { outputs } = evaluate(net, sample, {
      intercept: (op, slot, moment) => {
        if (op.layer !== undefined) expected.set(`${moment} ${op.layer.name}`, slot);
        return slot;
      },
    });
    const found = runLegal(legal, sample, (op, slot, moment) => {
      const other = op.layer === undefined ? undefined : expected.get(`${moment} ${op.layer.name}`);
      if (op.layer === undefined || other === undefined) return slot;
      const count = counts.get(op.layer.name) ?? { compared: 0, equal: 0 };
      counts.set(op.layer.name, count);
      count.compared += slot.length;
      for (let i = 0; i < slot.length; i++) if (slot[i] === other[i]) count.equal++;
      return slot;
    });
    const differs = [...outputs].some(([name, value]) => argmax(flatten(value)) !== argmax(found.get(name) ?? []));
    if (differs) changed++;
  }
  const rows = [...counts].map(([layer, { compared, equal }]) => [layer, `${compared - equal} of ${compared}`]);
  return {
    title: `spikes that differ on ${samples.length} samples, ${changed} with another largest output`,
    header: ["layer", "spikes that differ"],
    rows,
  };
}
