/** A strict reader of the XML that spikec writes: elements, attributes in double quotes, text; no comments, no CDATA. */

export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly (Element | string)[];
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decode(text: string): string {
  if (/[<>]/.test(text)) throw new Error(`a bare < or > in: ${text}`);
  return text.replace(/&([^;]{0,10};?)/g, (all, inner: string) => {
    const character = inner.endsWith(";") ? ENTITIES[inner.slice(0, -1)] : undefined;
    if (character === undefined) throw new Error(`no entity: ${all}`);
    return character;
  });
}

function attributesOf(source: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  const rest = source.replace(/\s+([A-Za-z][\w:-]*)="([^"]*)"/g, (_all, name: string, value: string) => {
    if (attributes.has(name)) throw new Error(`attribute ${name} twice`);
    attributes.set(name, decode(value));
    return "";
  });
  if (rest.trim() !== "") throw new Error(`no attribute: ${rest}`);
  return attributes;
}

/** The root element; throws where the text is not well-formed. */
export function readXml(source: string): Element {
  const body = source.replace(/^<!DOCTYPE html>\s*/, "").trim();
  const open: { name: string; attributes: ReadonlyMap<string, string>; children: (Element | string)[] }[] = [];
  let root: Element | undefined;
  const add = (child: Element | string): void => {
    const parent = open[open.length - 1];
    if (parent !== undefined) parent.children.push(child);
    else if (typeof child === "string") throw new Error(`text outside the root: ${child}`);
    else if (root !== undefined) throw new Error(`a second root: ${child.name}`);
    else root = child;
  };
  for (const [, tag, text] of body.matchAll(/<([^<>]*)>|([^<]+)|</g)) {
    if (text !== undefined) add(decode(text));
    else if (tag === undefined) throw new Error("a < without its >");
    else if (tag.startsWith("/")) {
      const element = open.pop();
      if (element?.name !== tag.slice(1)) throw new Error(`</${tag.slice(1)}> closes ${element?.name ?? "nothing"}`);
      add(element);
    } else {
      const [, name, attributes, empty] = /^([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"]*")*)\s*(\/?)$/.exec(tag) ?? [];
      if (name === undefined) throw new Error(`no tag: <${tag}>`);
      const element = { name, attributes: attributesOf(attributes ?? ""), children: [] };
      if (empty === "/") add(element);
      else open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`${open.map(({ name }) => name).join(", ")} not closed`);
  if (root === undefined) throw new Error("no element");
  return root;
}

/** The element itself and all below it. */
export function elementsOf(element: Element): readonly Element[] {
  return [element, ...element.children.flatMap((child) => (typeof child === "string" ? [] : elementsOf(child)))];
}

export function textOf(element: Element): string {
  return element.children.map((child) => (typeof child === "string" ? child : textOf(child))).join("");
}
