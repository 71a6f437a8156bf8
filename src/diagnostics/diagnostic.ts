/**
 * Diagnostics are values: a stable code, a severity, one sentence with numbers, a place, and a way out.
 * Faults of the user become diagnostics; only our own bugs throw (see {@link internalError}).
 */

/** Where a diagnostic points. Text spans carry the source so that a code frame can be drawn. */
export type Location =
  | {
      readonly kind: "text";
      readonly file: string;
      readonly source: string;
      readonly offset: number;
      readonly length: number;
    }
  /** A file, and optionally a place inside it, for example a tensor name or a JSON path. */
  | { readonly kind: "file"; readonly file: string; readonly path?: string };

export type Severity = "error" | "warning";

export interface Note {
  readonly message: string;
  readonly location?: Location;
}

export interface Diagnostic {
  /** `folder/kebab-name`, listed by `spikec explain`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly location?: Location;
  readonly notes: readonly Note[];
  /** What the user can type or change. */
  readonly hint?: string;
}

/** One row of a folder's table of codes. `explain` is shown by `spikec explain CODE`. */
export interface DiagnosticDefinition {
  readonly severity: Severity;
  readonly explain: string;
}

export type DiagnosticTable = Readonly<Record<string, DiagnosticDefinition>>;

export interface DiagnosticDetails {
  readonly location?: Location | undefined;
  readonly notes?: readonly Note[] | undefined;
  readonly hint?: string | undefined;
}

/** Declares the codes of one folder; the result makes diagnostics whose code is checked at compile time. */
export function defineDiagnostics<const T extends DiagnosticTable>(folder: string, table: T) {
  return {
    folder,
    table: table as DiagnosticTable,
    make(name: keyof T & string, message: string, details: DiagnosticDetails = {}): Diagnostic {
      const definition = (table as DiagnosticTable)[name];
      if (definition === undefined) throw internalError(`undeclared diagnostic ${folder}/${name}`);
      return {
        code: `${folder}/${name}`,
        severity: definition.severity,
        message,
        notes: details.notes ?? [],
        ...(details.location === undefined ? {} : { location: details.location }),
        ...(details.hint === undefined ? {} : { hint: details.hint }),
      };
    },
  };
}

/** Collects diagnostics; stages go on to their end and the caller asks {@link Report.failed}. */
export class Report {
  readonly diagnostics: Diagnostic[] = [];

  add(diagnostic: Diagnostic): undefined {
    this.diagnostics.push(diagnostic);
    return undefined;
  }

  get failed(): boolean {
    return this.diagnostics.some((d) => d.severity === "error");
  }

  get errors(): readonly Diagnostic[] {
    return this.diagnostics.filter((d) => d.severity === "error");
  }
}

/** An error of spikec itself: never thrown for anything a user did. The command line exits with 70. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

export function internalError(message: string): InternalError {
  return new InternalError(`internal error: ${message}`);
}

/** For the default branch of exhaustive switches. */
export function unreachable(value: never): never {
  throw internalError(`unreachable case ${String(value)}`);
}

/**
 * Carries diagnostics through code that cannot return them, such as deep readers of untrusted files.
 * Every public function that may meet one catches it and reports.
 */
export class DiagnosticError extends Error {
  override readonly name = "DiagnosticError";
  constructor(readonly diagnostic: Diagnostic) {
    super(diagnostic.message);
  }
}

/** Runs `body`, turning a thrown {@link DiagnosticError} into an entry of `report`. */
export function reporting<T>(report: Report, body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof DiagnosticError) return report.add(error.diagnostic);
    throw error;
  }
}
