import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chipFields, readChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";

/** Fields that no paper gives; docs/chips.md names them and leaves them out. */
const NOWHERE = /^(queueDepth|fifoDepth|attention\..*|patchValues|priority)$/;

const page = readFileSync("docs/chips.md", "utf8");

describe("docs/chips.md", () => {
  it.each(["loas", "sata", "c-dnn", "prosperity"])("gives the numbers of %s", (name) => {
    const chip = readChip(name, new Report(), "layerwise")!;
    const section = page.split(/^###? /m).find((text) => text.startsWith(`\`${name}\`:`)) ?? "";
    const rows = [...section.matchAll(/^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|/gm)];
    const ours = rows.map(([, field, value]) => `${field} = ${value}`);
    const fields = chipFields(chip).filter(({ field }) => !NOWHERE.test(field));
    expect(ours).toEqual(fields.map(({ field, value }) => `${field} = ${value}`));
    for (const [, field, , source] of rows)
      if (source === "assumed") expect(`${field}: ${chip.sources[field!]}`).toMatch(/: assumed/);
  });
});
