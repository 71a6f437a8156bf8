import type { Command } from "commander";
import { didYouMean, type Report } from "../diagnostics/index.js";
import { builtInTables, OPERANDS } from "../energy/index.js";
import { tableOfWidth } from "../energy/network.js";
import { collectText } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { isGiven, onlyWith, refuseWithoutEffect } from "./no-effect.js";

/** `--vary AXIS=VALUE,VALUE,…` of `spikec energy`: what can be asked of a network without training it. */

const AXIS_NAMES = ["rate", "table", "bits", "timesteps", "k", "chunk"] as const;
export type AxisName = (typeof AXIS_NAMES)[number];

interface AxisDefinition {
  /** What its values are. */
  readonly takes: string;
  readonly isLegal: (value: string) => boolean;
  /** Without training. */
  readonly means: string;
  /** The network itself is another one: it is built and evaluated again. The other axes rescale counts. */
  readonly rebuilds: boolean;
}

function isPositiveInteger(value: string): boolean {
  return /^\d+$/.test(value) && Number.isSafeInteger(Number(value)) && Number(value) > 0;
}

export const AXES: Readonly<Record<AxisName, AxisDefinition>> = {
  rate: {
    takes: "numbers from 0, for example 0.5",
    isLegal: (value) => value !== "" && Number.isFinite(Number(value)) && Number(value) >= 0,
    means: "every neuron fires so many times as often; what spikes drive is scaled, exact events as an expectation",
    rebuilds: false,
  },
  table: {
    takes: "energy tables, by name or file",
    isLegal: (value) => value !== "",
    means: "another energy table for the same counts",
    rebuilds: false,
  },
  bits: {
    takes: `${OPERANDS.join(", ")}, or a number of bits (8, 16; 32 is fp32)`,
    isLegal: (value) => tableOfWidth(value, builtInTables()) !== undefined,
    means: "the same counts at the prices of the built-in table of this operand width, and weights of as many bits",
    rebuilds: false,
  },
  timesteps: {
    takes: "positive integers",
    isLegal: isPositiveInteger,
    means: "the trained weights run for so many timesteps; with --from-rates the first ones of the table",
    rebuilds: true,
  },
  k: {
    takes: "positive integers, or all",
    isLegal: (value) => value === "all" || isPositiveInteger(value),
    means: "each attention keeps k tokens, those that fire most (pass sparsify-top-k)",
    rebuilds: true,
  },
  chunk: {
    takes: "positive integers that divide the timesteps",
    isLegal: isPositiveInteger,
    means: "so many timesteps are attended together; changes no count by published rates",
    rebuilds: true,
  },
};

export const UNTRAINED =
  "Nothing is trained, so accuracy is not known. timesteps, k and chunk evaluate the changed network; rate, table and bits only rescale counts.";

export interface Axis {
  readonly field: AxisName;
  readonly values: readonly string[];
}

const isAxisName = (text: string): text is AxisName => (AXIS_NAMES as readonly string[]).includes(text);

function parseAxis(text: string, report: Report): Axis | undefined {
  const refuse = (message: string, hint: string): undefined =>
    report.add(cliDiagnostics.make("what-if", message, { hint }));
  const equals = text.indexOf("=");
  if (equals < 1) return refuse(`\`${text}\` is no AXIS=VALUE,VALUE,…`, "for example rate=0.5,1");
  const field = text.slice(0, equals);
  if (!isAxisName(field)) return refuse(`\`${field}\` cannot be varied`, didYouMean(field, AXIS_NAMES));
  const { isLegal, takes } = AXES[field];
  const values = text
    .slice(equals + 1)
    .split(",")
    .map((value) => value.trim());
  const illegal = values.find((value) => !isLegal(value));
  if (illegal !== undefined) return refuse(`\`${field}\` cannot be \`${illegal}\``, `it takes ${takes}`);
  const same = (value: string): string | number => {
    if (field === "bits") return tableOfWidth(value, builtInTables())?.name ?? value;
    return Number.isNaN(Number(value)) ? value : Number(value);
  };
  if (new Set(values.map(same)).size < values.length)
    return refuse(`\`${text}\` gives a value twice`, "leave one of them out");
  return { field, values };
}

/** The axes in the order in which they were given; undefined, with a report, where one is wrong or they exclude each other. */
export function parseAxes(texts: readonly string[], report: Report): readonly Axis[] | undefined {
  const axes = texts.flatMap((text) => parseAxis(text, report) ?? []);
  const fields = axes.map(({ field }) => field);
  const twice = fields.find((field, i) => fields.indexOf(field) < i);
  if (twice !== undefined) {
    const hint = `--vary ${twice}=VALUE,VALUE,…`;
    report.add(cliDiagnostics.make("what-if", `\`${twice}\` is varied twice`, { hint }));
  }
  if (fields.includes("bits") && fields.includes("table")) {
    const hint = "each width is a table: vary `table`, or `bits`";
    report.add(cliDiagnostics.make("what-if", "`bits` and `table` both choose the prices", { hint }));
  }
  return report.failed ? undefined : axes;
}

function helpText(): string {
  const width = Math.max(...AXIS_NAMES.map((name) => name.length));
  const lines = AXIS_NAMES.map((name) => {
    const { takes, means } = AXES[name];
    return `  ${name.padEnd(width)}  ${means}\n  ${" ".repeat(width)}  values: ${takes}`;
  });
  const [first = "", second = ""] = UNTRAINED.split(/(?<=\.) /);
  return `\nWhat-ifs (--vary AXIS=VALUE,VALUE,…), every combination a row:\n${lines.join("\n")}\n  ${first}\n  ${second}`;
}

const varied = (called: Command): readonly string[] =>
  called.opts<VaryOptions>().vary.map((text) => text.split("=")[0] ?? "");

export interface VaryOptions {
  readonly vary: readonly string[];
  readonly csv?: string;
  readonly plot?: string;
}

/** `--vary` and what goes with it. */
export function withVary(command: Command): Command {
  command
    .option("--vary <axis=values>", "what-ifs without training, see below; repeatable", collectText, [])
    .option("--csv <file>", "with --vary: write the rows as CSV, numbers as they are, per sample")
    .option("--plot <file>", "with --vary: draw the rows into an HTML file that needs no network")
    .addHelpText("after", helpText());
  onlyWith(command, ["--vary"], ["--input", "--from-rates"]);
  onlyWith(command, ["--csv", "--plot"], ["--vary"]);
  refuseWithoutEffect(command, ["--ann", "--explain"], (called) =>
    isGiven(called, "--vary") ? { why: "with --vary, which prints totals", hint: "leave out one of them" } : undefined,
  );
  return refuseWithoutEffect(command, ["--table"], (called) => {
    const chooses = varied(called).find((name) => name === "table" || name === "bits");
    const hint = chooses === "table" ? "name all tables there" : "leave out one of them";
    return chooses === undefined ? undefined : { why: `with --vary ${chooses}, which chooses the tables`, hint };
  });
}
