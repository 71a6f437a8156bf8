import type { Command } from "commander";
import { BACKENDS } from "../backends/index.js";
import { BUILT_IN_CHIPS, chipFields, readChip, type Chip } from "../chips/index.js";
import { didYouMean, internalError, Report } from "../diagnostics/index.js";
import { statuses, tableEntries } from "../energy/document.js";
import { builtInTables, TABLE_NAMES, type EnergyTable } from "../energy/index.js";
import { MODELS } from "../frontend/models/index.js";
import { findOp, OPS, type AttrDefinition, type OpDefinition } from "../ir/index.js";
import { describeOption, PASSES, PIPELINES, printOption, type NamedPipeline, type Pass } from "../passes/index.js";
import { allCodes } from "./codes.js";
import { runCommand, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { table } from "./text.js";

/** Listings and documentation, all printed from the code's own data: ops, passes, targets, tables, models, explain. */

/** Prints the list, or the page of one entry. */
function listing(
  program: Command,
  io: Io,
  name: string,
  what: string,
  list: () => string,
  page: (entry: string) => string | undefined,
  names: () => readonly string[],
): void {
  program
    .command(name)
    .description(what)
    .argument("[name]", "document one entry")
    .action((entry: string | undefined) =>
      runCommand(io, (report) => {
        const text = entry === undefined ? list() : page(entry);
        if (text !== undefined) return io.out(text);
        report.add(
          cliDiagnostics.make("unknown-name", `${name}: nothing is called \`${entry}\``, {
            hint: didYouMean(entry ?? "", names()),
          }),
        );
      }),
    );
}

function attrText(name: string, attr: AttrDefinition): string {
  const legal =
    attr.type === "word"
      ? attr.oneOf.join(" | ")
      : attr.type === "call"
        ? Object.entries(attr.forms)
            .map(([rule, args]) => (args.length > 0 ? `${rule}(${args.join(", ")})` : rule))
            .join(" | ")
        : attr.type === "int"
          ? `integer >= ${attr.min}`
          : attr.type;
  const value = attr.default;
  const shown =
    typeof value === "object" && "args" in value ? `${value.name}(${value.args.join(", ")})` : String(value);
  return `  ${name}: ${legal}${value === undefined ? "" : `, default ${shown}`}\n      ${attr.doc}`;
}

function opPage(op: OpDefinition): string {
  const parts = [`${op.name}: ${op.summary}`, "", op.doc, "", "operands:"];
  for (const operand of op.operands) {
    parts.push(
      `  %${operand.name}: ${operand.accepts}; ${operand.doc}${operand.future === true ? " (needed up to the end of the chunk)" : ""}`,
    );
  }
  if (op.symbols.length > 0) parts.push("constants:", ...op.symbols.map((s) => `  @${s.name}: ${s.kind}; ${s.doc}`));
  const attrs = Object.entries(op.attrs);
  if (attrs.length > 0) parts.push("attributes:", ...attrs.map(([name, attr]) => attrText(name, attr)));
  parts.push(`space: ${op.spatial}`, "", "example:", op.examples[0]?.text ?? "");
  return parts.join("\n");
}

function pipelinePage({ name, summary, entries }: NamedPipeline): string {
  return [`pipeline ${name}: ${summary}`, ...entries.map((step) => `  ${step.pass.padEnd(16)} ${step.reason}`)].join(
    "\n",
  );
}

function passPage(pass: Pass): string {
  const { exactness } = pass;
  const kept = {
    exact: () => "keeps every bit",
    "exact-in-reals": () => `exact in real arithmetic: ${"why" in exactness ? exactness.why : ""}`,
    bounded: () => ("limit" in exactness ? `${exactness.metric} at most ${exactness.limit}` : ""),
  }[exactness.kind]();
  const options = Object.entries(pass.options).map(
    ([name, o]) => `  ${name} = ${printOption(o.default)}: ${describeOption(o)}; ${o.doc}`,
  );
  const counters = Object.entries(pass.counters).map(([name, doc]) => `  ${name}: ${doc}`);
  const examples = pass.examples.flatMap((e) => [
    "",
    `example: ${e.doc}`,
    "",
    e.before.trimEnd(),
    "",
    "becomes",
    "",
    e.after.trimEnd(),
  ]);
  return [
    `${pass.name}: ${pass.summary}`,
    "",
    pass.description,
    "",
    `exactness: ${exactness.kind}; ${kept}`,
    ...(options.length > 0 ? ["options:", ...options] : []),
    "counters:",
    ...counters,
    ...examples,
  ].join("\n");
}

function builtInChip(name: string): Chip {
  const report = new Report();
  const chip = readChip(name, report);
  if (chip === undefined) throw internalError(`built-in chip ${name}: ${report.errors[0]?.message ?? ""}`);
  return chip;
}

function chipPage(chip: Chip): string {
  const rows = chipFields(chip).map(({ field, value, source }) => [field, value, source]);
  return [
    `${chip.name} (target ${chip.target})`,
    chip.description,
    "",
    table([["field", "value", "source"], ...rows]),
  ].join("\n");
}

function tablePage(prices: EnergyTable): string {
  const rows = tableEntries(prices).map(({ name, value, figure }) => [
    name,
    value,
    figure.status,
    figure.boundary,
    figure.source,
  ]);
  return [
    `${prices.name} (${prices.technology}): ${prices.description}`,
    `covers ${prices.covers.join(", ")}`,
    "",
    table([["figure", "value", "status", "inside it", "source"], ...rows]),
  ].join("\n");
}

export function registerLists(program: Command, io: Io): void {
  listing(
    program,
    io,
    "ops",
    "list the ops of the IR, or document one",
    () => table([["op", "what it does"], ...OPS.map((op) => [op.name, op.summary])]),
    (name) => {
      const op = findOp(name);
      return op === undefined ? undefined : opPage(op);
    },
    () => OPS.map((op) => op.name),
  );
  listing(
    program,
    io,
    "passes",
    "list passes and pipelines, or document one",
    () =>
      [
        table([
          ["pass", "exactness", "what it does"],
          ...PASSES.map((pass) => [pass.name, pass.exactness.kind, pass.summary]),
        ]),
        "",
        ...PIPELINES.map(pipelinePage),
      ].join("\n"),
    (name) => {
      const pass = PASSES.find((p) => p.name === name);
      const pipeline = PIPELINES.find((p) => p.name === name);
      return pass === undefined ? pipeline && pipelinePage(pipeline) : passPage(pass);
    },
    () => [...PASSES, ...PIPELINES].map(({ name }) => name),
  );
  listing(
    program,
    io,
    "targets",
    "list the kinds of chips and the chips that programs can be compiled for",
    () =>
      [
        table([["target", "what it is"], ...BACKENDS.map((backend) => [backend.name, backend.summary])]),
        "",
        table([["chip", "what it is"], ...BUILT_IN_CHIPS.map((name) => [name, builtInChip(name).description])]),
      ].join("\n"),
    (name) => {
      const chip = BUILT_IN_CHIPS.find((builtIn) => builtIn === name);
      if (chip !== undefined) return chipPage(builtInChip(chip));
      const backend = BACKENDS.find((b) => b.name === name);
      return backend === undefined ? undefined : `${backend.name}: ${backend.summary}\npipeline: ${backend.pipeline}`;
    },
    () => [...BACKENDS.map((backend) => backend.name), ...BUILT_IN_CHIPS],
  );
  listing(
    program,
    io,
    "tables",
    "list the energy tables, or print one with the source of each figure",
    () =>
      table([
        ["table", "technology", "covers", "figures"],
        ...builtInTables().map((each) => [each.name, each.technology, each.covers.join(", "), statuses(each)]),
      ]),
    (name) => {
      const named = builtInTables().find((each) => each.name === name);
      return named === undefined ? undefined : tablePage(named);
    },
    () => TABLE_NAMES,
  );
  listing(
    program,
    io,
    "models",
    "list the architectures that can be imported, or document one",
    () => table([["arch", "what it is"], ...MODELS.map((model) => [model.name, model.summary])]),
    (name) => {
      const model = MODELS.find((m) => m.name === name);
      if (model === undefined) return undefined;
      const rows = model.settings.map((s) => [
        s.name,
        s.default === undefined ? (s.infer === undefined ? "" : "from tensors") : String(s.default),
        s.aliases.join(", "),
        s.doc,
      ]);
      return [
        `${model.name}: ${model.summary}`,
        `source: ${model.source}`,
        "",
        table([["setting", "default", "also called", "meaning"], ...rows]),
        "",
        table([["configuration", "what it is"], ...model.configurations.map((c) => [c.name, c.summary])]),
      ].join("\n");
    },
    () => MODELS.map((model) => model.name),
  );
  listing(
    program,
    io,
    "explain",
    "explain a diagnostic code",
    () => table([["code", "severity"], ...[...allCodes()].map(([code, definition]) => [code, definition.severity])]),
    (code) => {
      const definition = allCodes().get(code);
      return definition === undefined ? undefined : `${code} (${definition.severity})\n${definition.explain}`;
    },
    () => [...allCodes().keys()],
  );
}
