import type { Exactness, Pass } from "./pass.js";
import { describeOption, printOption } from "./options.js";
import type { NamedPipeline } from "./pipeline.js";

/** The reference page of all passes, from their own data: `docs/passes.md` (`npm run docs`). */

const fence = (text: string): readonly string[] => ["```", text.trimEnd(), "```"];

function exactnessText(exactness: Exactness): string {
  switch (exactness.kind) {
    case "exact":
      return "`exact`: keeps every bit of every output";
    case "exact-in-reals":
      return `\`exact-in-reals\`: ${exactness.why}`;
    case "bounded":
      return `\`bounded\`: ${exactness.metric} at most ${exactness.limit}`;
  }
}

function passSection(pass: Pass): readonly string[] {
  const facts = (title: string, names: Pass["requires"]): readonly string[] =>
    names.length === 0 ? [] : [`* ${title}: ${names.map(({ name, doc }) => `\`${name}\` (${doc})`).join(", ")}`];
  const options = Object.entries(pass.options).map(
    ([name, option]) =>
      `* option \`${name}\`, ${describeOption(option)}, default ${printOption(option.default)}: ${option.doc}`,
  );
  const counters = Object.entries(pass.counters).map(([name, doc]) => `* counts \`${name}\`: ${doc}`);
  const examples = pass.examples.flatMap((example) => [
    "",
    `Example, \`${example.pipeline ?? pass.name}\`: ${example.doc}.`,
    "",
    ...fence(example.before),
    "",
    ...(example.after === example.before ? ["stays as it is."] : ["becomes", "", ...fence(example.after)]),
  ]);
  return [
    `## ${pass.name}`,
    "",
    `${pass.summary[0]?.toUpperCase() ?? ""}${pass.summary.slice(1)}.`,
    "",
    ...fence(pass.description),
    "",
    `* ${exactnessText(pass.exactness)}`,
    ...facts("requires", pass.requires),
    ...facts("ensures", pass.ensures),
    ...facts("may bring about", pass.mayEnsure),
    ...options,
    ...counters,
    ...examples,
    "",
  ];
}

function pipelineSection({ name, summary, entries }: NamedPipeline): readonly string[] {
  return [`* \`${name}\`: ${summary}`, ...entries.map(({ pass, reason }) => `  * \`${pass}\`: ${reason}`)];
}

/** The text of `docs/passes.md`. */
export function documentPasses(passes: readonly Pass[], pipelines: readonly NamedPipeline[]): string {
  return [
    "# Passes",
    "",
    "Written by `npm run docs` from the passes themselves; every example is run as a test.",
    "",
    "## Pipelines",
    "",
    ...pipelines.flatMap(pipelineSection),
    "",
    ...passes.flatMap(passSection),
  ]
    .join("\n")
    .replace(/\n+$/, "\n");
}
