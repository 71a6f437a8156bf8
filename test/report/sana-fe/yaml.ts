/** The part of YAML that the exported files use, read strictly: anything else is an error of the test. */

export type Yaml = string | number | readonly Yaml[] | { readonly [key: string]: Yaml };

/** Reads lists and mappings by indentation, mappings and lists in braces on one line, quoted and plain scalars, comments. */
export function parseYaml(text: string): Yaml {
  const lines = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  let at = 0;

  const block = (indent: number): Yaml => {
    const { text: first } = lines[at]!;
    return first.startsWith("- ") ? list(indent) : fields(indent);
  };
  const list = (indent: number): Yaml => {
    const items: Yaml[] = [];
    while (at < lines.length && lines[at]!.indent === indent && lines[at]!.text.startsWith("- ")) {
      // What follows the dash is a mapping whose keys stand where its first one does.
      lines[at] = { indent: indent + 2, text: lines[at]!.text.slice(2) };
      items.push(fields(indent + 2));
    }
    return items;
  };
  const fields = (indent: number): Yaml => {
    const found: Record<string, Yaml> = {};
    while (at < lines.length && lines[at]!.indent === indent && !lines[at]!.text.startsWith("- ")) {
      const { text: line } = lines[at]!;
      const colon = line.search(/:( |$)/);
      if (colon < 1) throw new Error(`no key in ${line}`);
      const key = line.slice(0, colon);
      if (key in found) throw new Error(`${key} twice`);
      at++;
      found[key] = colon + 1 === line.length ? block(lines[at]!.indent) : flow(line.slice(colon + 2));
    }
    return found;
  };
  const result = block(0);
  if (at < lines.length) throw new Error(`unread: ${lines[at]!.text}`);
  return result;
}

/** A value on one line. */
function flow(text: string): Yaml {
  let at = 0;
  const skip = (expected: string): boolean => {
    while (text[at] === " ") at++;
    if (text[at] !== expected) return false;
    at++;
    return true;
  };
  const value = (): Yaml => {
    if (skip("{")) {
      const found: Record<string, Yaml> = {};
      while (!skip("}")) {
        const key = word();
        if (!skip(":")) throw new Error(`no colon behind ${key} in ${text}`);
        found[key] = value();
        skip(",");
      }
      return found;
    }
    if (skip("[")) {
      const items: Yaml[] = [];
      while (!skip("]")) {
        items.push(value());
        skip(",");
      }
      return items;
    }
    if (text[at] === '"') {
      const quoted = /^"([^"]*)"/.exec(text.slice(at));
      if (quoted === null) throw new Error(`open quotes in ${text}`);
      at += quoted[0].length;
      return quoted[1]!;
    }
    const plain = word();
    return /^-?[\d.]+(e-?\d+)?$/.test(plain) ? Number(plain) : plain;
  };
  const word = (): string => {
    while (text[at] === " ") at++;
    const found = /^[^\s,:{}[\]]+/.exec(text.slice(at));
    if (found === null) throw new Error(`unreadable at ${at} of ${text}`);
    at += found[0].length;
    return found[0];
  };
  // A name outside braces may have brackets.
  if (/^[\w.]+(\[[\d.]+\])?$/.test(text)) return /^-?[\d.]+(e-?\d+)?$/.test(text) ? Number(text) : text;
  const result = value();
  if (at < text.length) throw new Error(`unread: ${text.slice(at)}`);
  return result;
}
