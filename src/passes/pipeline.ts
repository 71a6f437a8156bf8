import { didYouMean, Report, type Diagnostic, type Location } from "../diagnostics/index.js";
import { passDiagnostics } from "./diagnostics.js";
import { isLegal, optionFault, printOption, readOption, type PassLike } from "./options.js";
import type { OptionDefinition, OptionValue, Pass, PipelineStep } from "./pass.js";

/**
 * Pipelines as text: `fold-batchnorm,canonicalize{max-iterations=3}`. Passes are separated by commas, options by spaces or
 * commas; a list is numbers in brackets, `k=[48,32]`; a pipeline's name stands for its passes.
 */

/** One pass of a named pipeline and why it is there. */
export interface PipelineEntry {
  readonly pass: string;
  readonly reason: string;
}

export interface NamedPipeline {
  readonly name: string;
  readonly summary: string;
  readonly entries: readonly PipelineEntry[];
}

export interface PipelineTables<P> {
  readonly passes: readonly P[];
  readonly pipelines: readonly NamedPipeline[];
}

export interface ParsedPipeline<P = Pass> {
  /** Absent when there is a diagnostic. */
  readonly steps?: readonly PipelineStep<P>[];
  readonly diagnostics: readonly Diagnostic[];
}

/** An option as it was given, with the text from its name to its value. */
interface GivenOption {
  readonly name: string;
  readonly value: OptionValue;
  readonly location: Location;
}

interface Token {
  readonly kind: "word" | "," | "{" | "}" | "[" | "]" | "=" | "unknown" | "end";
  readonly text: string;
  readonly offset: number;
}

const TOKEN = /[A-Za-z0-9_.+-]+|[,{}[\]=]|[^\sA-Za-z0-9_.+\-,{}[\]=]+/g;
const WORD = /^[A-Za-z0-9_.+-]+$/;

function isMark(text: string): text is "," | "{" | "}" | "[" | "]" | "=" {
  return text.length === 1 && ",{}[]=".includes(text);
}

function tokenize(source: string): Token[] {
  const tokens = [...source.matchAll(TOKEN)].map((match): Token => {
    const [text] = match;
    const kind = WORD.test(text) ? "word" : isMark(text) ? text : "unknown";
    return { kind, text, offset: match.index };
  });
  return [...tokens, { kind: "end", text: "", offset: source.trimEnd().length }];
}

/**
 * A step from options as data, undefined ones left out; nothing, with a report, where the pass has no such option or the option no
 * such value.
 */
export function makeStep<P extends PassLike>(
  pass: P,
  options: Readonly<Record<string, OptionValue | undefined>>,
  report: Report,
): PipelineStep<P> | undefined {
  const given = Object.entries(options).flatMap(([name, value]): [string, OptionValue][] =>
    value === undefined ? [] : [[name, value]],
  );
  const faults = given.flatMap(
    ([name, value]) => optionFault(pass, name, (definition) => isLegal(definition, value), printOption(value)) ?? [],
  );
  for (const { code, message, hint } of faults) report.add(passDiagnostics.make(code, message, { hint }));
  return faults.length > 0 ? undefined : { pass, options: Object.fromEntries(given) };
}

/** The value of an option as it was written. */
interface Written {
  readonly texts: readonly string[];
  /** Whether it stands in brackets. */
  readonly list: boolean;
  /** All of it, for messages. */
  readonly token: Token;
}

/** Reads one pipeline string. */
class PipelineReader<P extends PassLike> {
  readonly report = new Report();
  readonly steps: PipelineStep<P>[] = [];
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(
    private readonly source: string,
    private readonly file: string,
    private readonly tables: PipelineTables<P>,
  ) {
    this.tokens = tokenize(source);
  }

  private get token(): Token {
    return this.tokens[this.at] ?? { kind: "end", text: "", offset: this.source.length };
  }

  private take(kind: Token["kind"]): Token | undefined {
    const { token } = this;
    if (token.kind !== kind) return undefined;
    this.at++;
    return token;
  }

  /** The text of a token, or from one to another. */
  private location(token: Token, last = token): Location {
    const length = Math.max(1, last.offset + last.text.length - token.offset);
    return { kind: "text", file: this.file, source: this.source, offset: token.offset, length };
  }

  private complain(
    code: Parameters<typeof passDiagnostics.make>[0],
    message: string,
    token: Token,
    hint?: string,
  ): void {
    this.report.add(passDiagnostics.make(code, message, { location: this.location(token), hint }));
  }

  private expected(what: string): void {
    const { token } = this;
    const got = token.kind === "end" ? "the end" : `\`${token.text.slice(0, 40)}\``;
    this.complain("syntax", `expected ${what}, got ${got}`, token);
  }

  read(): void {
    if (this.take("end") !== undefined) return;
    do {
      if (!this.readStep()) return;
    } while (this.take(",") !== undefined);
    if (this.take("end") === undefined) this.expected("`,` or `{`");
  }

  private readStep(): boolean {
    const word = this.take("word");
    if (word === undefined) {
      this.expected("the name of a pass");
      return false;
    }
    const pass = this.tables.passes.find(({ name }) => name === word.text);
    const pipeline = this.tables.pipelines.find(({ name }) => name === word.text);
    if (pass === undefined && pipeline === undefined) {
      const names = [...this.tables.passes, ...this.tables.pipelines].map(({ name }) => name);
      this.complain("unknown-pass", `no pass or pipeline \`${word.text}\``, word, didYouMean(word.text, names));
    }
    const brace = this.token;
    const given: GivenOption[] = [];
    if (this.take("{") !== undefined) {
      if (pipeline !== undefined) this.complain("syntax", `pipeline \`${word.text}\` takes no options`, brace);
      if (!this.readOptions(pass, given)) return false;
    }
    const location = this.location(word);
    if (pass !== undefined) {
      const options = Object.fromEntries(given.map(({ name, value }) => [name, value]));
      const optionLocations = Object.fromEntries(given.map((option) => [option.name, option.location]));
      this.steps.push({ pass, options, location, optionLocations });
    }
    for (const entry of pass === undefined ? (pipeline?.entries ?? []) : []) {
      const member = this.tables.passes.find(({ name }) => name === entry.pass);
      if (member !== undefined) this.steps.push({ pass: member, options: {}, location });
    }
    return true;
  }

  /** After `{`, to the `}`; false when the rest cannot be read. */
  private readOptions(pass: P | undefined, given: GivenOption[]): boolean {
    while (this.take("}") === undefined) {
      const key = this.take("word");
      if (key === undefined || this.take("=") === undefined) {
        this.expected(key === undefined ? "an option or `}`" : "`=`");
        return false;
      }
      const value = this.readValue(key);
      if (value === undefined) return false;
      this.take(",");
      if (pass !== undefined) this.setOption(pass, key, value, given);
    }
    return true;
  }

  /** One word, or words in brackets; nothing when there is neither. */
  private readValue(key: Token): Written | undefined {
    const first = this.token;
    const list = this.take("[") !== undefined;
    const texts: string[] = [];
    do {
      const word = this.take("word");
      if (word === undefined) {
        this.expected(`${texts.length > 0 ? "`]` or another" : "a"} value for \`${key.text}\``);
        return undefined;
      }
      texts.push(word.text);
      if (list) this.take(",");
    } while (list && this.take("]") === undefined);
    const last = this.tokens[this.at - 1] ?? first;
    const text = this.source.slice(first.offset, last.offset + last.text.length);
    return { texts, list, token: { ...first, text } };
  }

  private setOption(pass: P, key: Token, value: Written, given: GivenOption[]): void {
    let read: OptionValue | undefined;
    const legal = (definition: OptionDefinition): boolean => {
      read = readOption(definition, value.texts, value.list);
      return read !== undefined;
    };
    const fault = optionFault(pass, key.text, legal, value.token.text);
    if (fault?.code === "unknown-option") this.complain(fault.code, fault.message, key, fault.hint);
    else if (given.some(({ name }) => name === key.text)) {
      this.complain("option", `\`${key.text}\` is given twice`, key);
    } else if (fault !== undefined) this.complain(fault.code, fault.message, value.token);
    else if (read !== undefined) {
      given.push({ name: key.text, value: read, location: this.location(key, value.token) });
    }
  }
}

/** Reads a pipeline; faults are diagnostics with a caret into its text. An empty text is a pipeline without passes. */
export function parsePipelineWith<P extends PassLike>(
  source: string,
  tables: PipelineTables<P>,
  file = "pipeline",
): ParsedPipeline<P> {
  const reader = new PipelineReader(source, file, tables);
  reader.read();
  const { diagnostics, failed } = reader.report;
  return failed ? { diagnostics } : { steps: reader.steps, diagnostics };
}

/** The text of a step, as it would be written in a pipeline. */
export function printStep(step: PipelineStep<PassLike>): string {
  const options = Object.entries(step.options).map(([name, value]) => `${name}=${printOption(value)}`);
  return options.length === 0 ? step.pass.name : `${step.pass.name}{${options.join(" ")}}`;
}
