import { internalError } from "../../diagnostics/index.js";
import { evaluate, flatten, type EvaluateOptions, type Slot } from "../../ir/index.js";
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
  const read = ({ from, source }: LegalSource | LegalOutput): ArrayLike<number> => {
    const found = from === "network" ? inputs.get(source) : results.get(`${from} ${source}`);
    if (found === undefined) throw internalError(`no ${from} value %${source}`);
    return found;
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
