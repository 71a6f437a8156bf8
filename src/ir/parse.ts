import type { Diagnostic } from "../diagnostics/index.js";
import type { Constant } from "./constant.js";
import { irDiagnostics } from "./diagnostics.js";
import { parseTree } from "./grammar.js";
import type { Net } from "./net.js";
import { MOST_FAULTS, resolveNet } from "./resolve.js";
import { readNet } from "./syntax.js";

export interface ParsedNet {
  /** Absent when a diagnostic is an error. */
  readonly net?: Net;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Parses the text of a net. Never throws: faults of the text are diagnostics with a place in it, in order of the text, at
 * most {@link MOST_FAULTS} of each kind (syntax, rules). `constants` holds the values of `external` constants.
 */
export function parseNet(
  source: string,
  file: string,
  constants: ReadonlyMap<string, Constant> = new Map(),
): ParsedNet {
  const { tree, errors } = parseTree(source);
  const diagnostics: Diagnostic[] = errors
    .slice(0, MOST_FAULTS)
    .map(({ message, offset, length }) =>
      irDiagnostics.make("syntax", message, { location: { kind: "text", file, source, offset, length } }),
    );
  if (tree === undefined) return { diagnostics };
  const syntax = readNet(tree);
  const start = Math.min(...[syntax.constants[0]?.name, syntax.ops[0]?.result].map((at) => at?.offset ?? Infinity));
  const headerDamaged = errors.some((error) => error.offset < start);
  const resolved = resolveNet(syntax, file, source, constants, headerDamaged);
  // A text without a readable body gives only its syntax errors: everything else follows from them.
  const followUps = errors.length > 0 && syntax.ops.length === 0 ? [] : resolved.diagnostics;
  const all = [...diagnostics, ...followUps].sort((a, b) => offsetOf(a) - offsetOf(b));
  return resolved.net !== undefined && all.length === 0 ? { net: resolved.net, diagnostics: [] } : { diagnostics: all };
}

function offsetOf({ location }: Diagnostic): number {
  return location?.kind === "text" ? location.offset : 0;
}
