// Writes the pages of docs/ that say what the code's own data says, `npm run docs`.
import { writeFileSync } from "node:fs";
import { documentTables } from "../src/energy/document.js";
import { builtInTables } from "../src/energy/index.js";
import { documentPasses } from "../src/passes/document.js";
import { PASSES, PIPELINES } from "../src/passes/index.js";

const write = (page: string, text: string): void => writeFileSync(new URL(`../docs/${page}`, import.meta.url), text);

write("passes.md", documentPasses(PASSES, PIPELINES));
write("energy-tables.md", documentTables(builtInTables()));
