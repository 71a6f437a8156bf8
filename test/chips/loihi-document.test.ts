import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";

const page = readFileSync("docs/loihi-chip.md", "utf8");

/** Figures of a chip by field, `synapse.FORMAT` for those of a format. */
function figures(part: Readonly<Record<string, unknown>>): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(part).flatMap(([name, value]): [string, number][] =>
      typeof value === "number"
        ? [[name, value]]
        : Object.entries(value as Record<string, number>).map(([key, figure]) => [`${name}.${key}`, figure]),
    ),
  );
}

describe("docs/loihi-chip.md, section 10", () => {
  const rows = [...page.matchAll(/^\| `([\w.]+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|/gm)];

  it.each([
    ["loihi1", "time", 2],
    ["loihi2", "time", 3],
    ["loihi1", "energy", 4],
    ["loihi2", "energy", 5],
  ] as const)("gives the figures of %s, %s", (name, part, column) => {
    const chip = readChip(name, new Report(), "loihi")!;
    const given = new Map(
      rows.flatMap((row) => (row[column] === "-" ? [] : [[row[1]!, Number(row[column])] as const])),
    );
    const own = figures(chip[part]);
    for (const [field, figure] of given) expect(`${field} ${figure}`).toBe(`${field} ${own.get(field)}`);
    // Further formats cost what the first three do, attention cores are of other chips, and the barrier is a table of its own.
    const left = [...own].filter(([field]) => !given.has(field) && !/^(attention|barrier|synapse\..*-)/.test(field));
    expect(left).toEqual([]);
  });
});
