/** Numbers and texts of one array that become one piece: some megabytes of text at most. */
const SLICE = 65_536;

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/**
 * The text of `JSON.stringify(value)` piece by piece: a run with recorded spikes or probes can be longer than the longest string. For
 * plain data without `toJSON`; as there, properties that are undefined are left out.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  if (!isContainer(value)) {
    yield JSON.stringify(value);
  } else if (!Array.isArray(value)) {
    let before = "{";
    for (const [name, part] of Object.entries(value)) {
      if (part === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      yield* jsonPieces(part);
      before = ",";
    }
    yield before === "{" ? "{}" : "}";
  } else if (value.some(isContainer)) {
    for (const [i, part] of value.entries()) {
      yield i === 0 ? "[" : ",";
      yield* jsonPieces(part ?? null);
    }
    yield "]";
  } else {
    yield "[";
    for (let at = 0; at < value.length; at += SLICE) {
      const text = JSON.stringify(value.slice(at, at + SLICE)).slice(1, -1);
      yield at === 0 ? text : `,${text}`;
    }
    yield "]";
  }
}
