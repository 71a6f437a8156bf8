import { timestepsOf, valueTypes, type Constant, type Net, type Op } from "../../ir/index.js";
import type { PassTable } from "../../passes/pass.js";
import type { LegalOutput, LegalSource } from "./legal-net.js";
import type { Split } from "./split.js";

/** The host's parts of a net, as nets of their own. */

function constantsOf(net: Net, ops: readonly Op[]): ReadonlyMap<string, Constant> {
  const read = new Set(
    ops.flatMap((op) => [
      ...op.symbols,
      ...Object.values(op.attrs).flatMap((value) =>
        typeof value === "object" && "symbol" in value ? [value.symbol] : [],
      ),
    ]),
  );
  return new Map([...net.constants].filter(([name]) => read.has(name)));
}

/** The part in front of the chip; undefined where there is none. Outputs have the names of their values. */
export function prefixOf(net: Net, split: Split): Net | undefined {
  if (split.prefix.length === 0) return undefined;
  const made = new Set(split.prefix.map((op) => op.result));
  const read = new Set(split.prefix.flatMap((op) => op.operands));
  const values = [...new Set([...split.chipReads, ...split.suffixReads])].filter((value) => made.has(value));
  return {
    name: `${net.name}.prefix`,
    inputs: net.inputs.filter(({ name }) => read.has(name)),
    outputs: values.map((value) => ({ name: value, value })),
    ops: split.prefix,
    constants: constantsOf(net, split.prefix),
  };
}

/** The part behind the chip, undefined where there is none, and where its inputs and the outputs of the network come from. */
export function suffixOf(net: Net, split: Split) {
  const types = valueTypes(net);
  const chip = new Set(split.chipOutputs);
  const prefix = new Set(split.prefix.map((op) => op.result));
  const from = (value: string): LegalSource["from"] =>
    chip.has(value) ? "chip" : prefix.has(value) ? "prefix" : "network";
  const held = (value: string): { readonly every?: number } => {
    const period = types.get(value)?.time.period ?? 1;
    return chip.has(value) && period > 1 ? { every: period } : {};
  };
  const made = new Set(split.suffix.map((op) => op.result));
  const outputs = net.outputs.map(({ name, value }): LegalOutput => {
    return made.has(value)
      ? { name, from: "suffix", source: name }
      : { name, from: from(value), source: value, ...held(value) };
  });
  const read = new Set(split.suffix.flatMap((op) => op.operands));
  const suffixInputs = split.suffixReads
    .filter((value) => read.has(value))
    .map((value): LegalSource => ({ name: value, from: from(value), source: value, ...held(value) }));
  if (split.suffix.length === 0) return { outputs, suffixInputs: [] };
  const suffix: Net = {
    name: `${net.name}.suffix`,
    inputs: suffixInputs.map(({ name }) => ({ name, type: types.get(name)! })),
    outputs: net.outputs.filter(({ value }) => made.has(value)),
    ops: split.suffix,
    constants: constantsOf(net, split.suffix),
  };
  return { suffix, suffixInputs, outputs };
}

/** What the host does, row by row: nothing moves there silently. */
export function hostTable(net: Net, split: Split): PassTable {
  const types = valueTypes(net);
  const rows = (where: string, ops: readonly Op[]): string[][] => {
    const counts = new Map<string, number>();
    for (const { name } of ops) counts.set(name, (counts.get(name) ?? 0) + 1);
    return [...counts].map(([name, count]) => [where, `${count} x ${name}`, ""]);
  };
  const crossing = (value: string): string[] => {
    const type = types.get(value)!;
    const values = type.shape.reduce((a, b) => a * b, 1);
    const { number } = type;
    const range = number.kind === "int" ? `${number.lo}..${number.hi}` : "real";
    return [
      "into the chip",
      `%${value}`,
      `${values} values per timestep, ${timestepsOf(type.time)} timesteps, ${range}`,
    ];
  };
  return {
    title: "host",
    header: ["part", "what", "values"],
    rows: [
      ...rows("in front of the chip", split.prefix),
      ...split.chipReads.map(crossing),
      ...rows("behind the chip", split.suffix),
    ],
  };
}
