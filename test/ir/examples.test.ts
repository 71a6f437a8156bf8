import { describe, expect, it } from "vitest";
import { evaluate, flatten, OPS, parseNet, printNet, verifyNet } from "../../src/ir/index.js";

const EXAMPLES = OPS.flatMap((op) =>
  op.examples.map((example, i) => [`${op.name} ${i + 1}`, example.text, example] as const),
);

describe("the examples of the ops", () => {
  it.each(EXAMPLES)("%s computes what it says", (_name, text, example) => {
    const { net, diagnostics } = parseNet(text, "example.snn");
    expect(diagnostics).toEqual([]);
    if (net === undefined) return;
    expect(verifyNet(net)).toEqual([]);
    const { values } = evaluate(net, new Map(Object.entries(example.inputs)));
    const got = Object.keys(example.outputs).map((name) => [name, [...flatten(values.get(name) ?? [])]]);
    expect(Object.fromEntries(got)).toEqual(example.outputs);
  });

  it.each(EXAMPLES)("%s prints canonically", (_name, text) => {
    const { net } = parseNet(text, "example.snn");
    const printed = net === undefined ? "" : printNet(net);
    const again = parseNet(printed, "printed.snn");
    expect(again.net).toEqual(net);
    expect(again.net && printNet(again.net)).toBe(printed);
  });

  it.each(OPS.map((op) => [op.name, op] as const))("%s documents itself", (_name, op) => {
    expect(op.examples.length).toBeGreaterThan(0);
    expect(op.summary).toMatch(/^[A-Za-z].*[^.]$/);
    expect(Object.values(op.attrs).every((attr) => attr.doc.length > 0)).toBe(true);
  });
});
