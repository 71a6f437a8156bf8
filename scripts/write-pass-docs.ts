// Writes docs/passes.md from the passes' own data, `npm run docs`.
import { writeFileSync } from "node:fs";
import { documentPasses } from "../src/passes/document.js";
import { PASSES, PIPELINES } from "../src/passes/index.js";

writeFileSync(new URL("../docs/passes.md", import.meta.url), documentPasses(PASSES, PIPELINES));
