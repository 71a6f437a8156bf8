import {
  internalError,
  type Diagnostic,
  type DiagnosticDetails,
  type Location,
  type Report,
} from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import type { Calibration } from "./calibration.js";
import { passDiagnostics } from "./diagnostics.js";

/**
 * A pass is data: what it is called, what it promises, its options, and a function from a subject to a subject. Help, tests
 * and pipelines derive from it. The subject is a {@link Net} for passes of the IR; backends use the same for their stages.
 */

export type OptionValue = number | boolean | string | readonly number[];

/** An option: its type, legal values, default and meaning. */
export type OptionDefinition = { readonly doc: string } & (
  | { readonly type: "int"; readonly min: number; readonly max?: number; readonly default: number }
  | { readonly type: "number"; readonly default: number }
  /** One number for all places that the pass works on, or one for each of them. */
  | { readonly type: "ints"; readonly min: number; readonly default: readonly number[] }
  | { readonly type: "numbers"; readonly default: readonly number[] }
  | { readonly type: "boolean"; readonly default: boolean }
  | { readonly type: "word"; readonly oneOf: readonly string[]; readonly default: string }
  /** A name of something in the net, which the pass checks. */
  | { readonly type: "name"; readonly default: string }
);

/**
 * What a pass may change about results: nothing (bit-equal), only the rounding of real arithmetic, or at most `limit` of
 * `metric`, written down before measuring. Tests take their tolerance from here.
 */
export type Exactness =
  | { readonly kind: "exact" }
  | { readonly kind: "exact-in-reals"; readonly why: string }
  | { readonly kind: "bounded"; readonly metric: string; readonly limit: string };

/** A named property with a checking function, for `requires` and `ensures`. */
export interface Fact<S = Net> {
  readonly name: string;
  readonly doc: string;
  /** Why it does not hold, in one sentence, or nothing. */
  violation(subject: S): string | undefined;
}

/** An example in a pass's documentation, run as a test: texts before and after the pass. */
export interface PassExample {
  readonly doc: string;
  /** The pass with options; the bare pass when absent. */
  readonly pipeline?: string;
  readonly before: string;
  readonly after: string;
}

export interface PassDefinition<S = Net> {
  /** Verb-object, in kebab case. */
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly options: Readonly<Record<string, OptionDefinition>>;
  /** What is counted, `noun-verbed`, with what it means. */
  readonly counters: Readonly<Record<string, string>>;
  readonly exactness: Exactness;
  /** Whether running it a second time changes nothing. */
  readonly idempotent: boolean;
  readonly requires: readonly Fact<S>[];
  /** Holds afterwards, always; checked after the pass. */
  readonly ensures: readonly Fact<S>[];
  /** Often holds afterwards; what it could not do is counted. */
  readonly mayEnsure: readonly Fact<S>[];
  /** Returns the same object if nothing changed. User faults go to `context.report`. */
  run(subject: S, context: PassContext): S;
  readonly examples: readonly PassExample[];
}

export type Pass<S = Net> = PassDefinition<S>;

export function definePass<S = Net>(definition: PassDefinition<S>): Pass<S> {
  return definition;
}

/** A pass with the options it was given. */
export interface PipelineStep<P = Pass> {
  readonly pass: P;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Where in the pipeline's text it stands. */
  readonly location?: Location;
  /** Where in that text each option stands. */
  readonly optionLocations?: Readonly<Record<string, Location>>;
}

/** What a pass found out and people want to read: rows of text. */
export interface PassTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a pass sees of the run: its options, and where counters and diagnostics go. */
export class PassContext {
  readonly counters = new Map<string, number>();
  readonly layersRemoved: string[] = [];
  readonly tables: PassTable[] = [];

  constructor(
    private readonly step: PipelineStep<Pick<Pass, "name" | "options" | "counters">>,
    readonly report: Report,
    /** Inputs to measure on, where the caller has some. */
    readonly calibration?: Calibration,
  ) {
    for (const counter of Object.keys(step.pass.counters)) this.counters.set(counter, 0);
  }

  private option(name: string): OptionValue {
    const { pass, options } = this.step;
    const value = options[name] ?? pass.options[name]?.default;
    if (value === undefined) throw internalError(`${pass.name} has no option ${name}`);
    return value;
  }

  /** Whether the option was written, rather than left at its default. */
  isGiven(name: string): boolean {
    return this.step.options[name] !== undefined;
  }

  number(name: string): number {
    const value = this.option(name);
    if (typeof value !== "number") throw internalError(`${this.step.pass.name}: ${name} is not a number`);
    return value;
  }

  numbers(name: string): readonly number[] {
    const value = this.option(name);
    if (typeof value !== "object") throw internalError(`${this.step.pass.name}: ${name} is not a list`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.option(name);
    if (typeof value !== "boolean") throw internalError(`${this.step.pass.name}: ${name} is not true or false`);
    return value;
  }

  word(name: string): string {
    const value = this.option(name);
    if (typeof value !== "string") throw internalError(`${this.step.pass.name}: ${name} is not a word`);
    return value;
  }

  /** Reports something about the net: at its place there, with a note that names the pass, or else at the pass. */
  complain(
    code: Parameters<typeof passDiagnostics.make>[0],
    message: string,
    { location, notes = [], hint }: DiagnosticDetails = {},
  ): undefined {
    const { pass, location: here } = this.step;
    const note = { message: `found by \`${pass.name}\``, ...(here === undefined ? {} : { location: here }) };
    const details =
      location === undefined ? { location: here, notes, hint } : { location, notes: [...notes, note], hint };
    return this.report.add(passDiagnostics.make(code, message, details));
  }

  /** Reports that the value of an option cannot be, at the option where it is given and at the pass where it is not. */
  complainOption(name: string, message: string, hint?: string): undefined {
    const location = this.step.optionLocations?.[name] ?? this.step.location;
    return this.report.add(passDiagnostics.make("option", message, { location, hint }));
  }

  count(counter: string, by = 1): void {
    const before = this.counters.get(counter);
    if (before === undefined) throw internalError(`${this.step.pass.name} has no counter ${counter}`);
    this.counters.set(counter, before + by);
  }

  /** Adds a table to what the run reports. */
  table(table: PassTable): void {
    this.tables.push(table);
  }

  /** Declares that a layer of the source model has no counterpart any more. */
  removeLayer(name: string): void {
    this.layersRemoved.push(name);
  }
}

/** How to check and print what passes transform. */
export interface SubjectKind<S> {
  verify(subject: S): readonly Diagnostic[];
  print(subject: S): string;
  /** Every pass on such subjects: hints name those that bring about what is missing. */
  readonly passes: readonly Pass<S>[];
}
