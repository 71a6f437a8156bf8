// Runs the checks against recorded results, `npm run conformance [-- --full] [-- options of vitest]`.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const given = process.argv.slice(2);
const options = given.filter((option) => option !== "--full");
const env = given.includes("--full") ? { ...process.env, SPIKEC_FULL: "1" } : process.env;
const run = spawnSync(process.execPath, [vitest, "run", "--config", "vitest.conformance.config.ts", ...options], {
  cwd: root,
  stdio: "inherit",
  env,
});
if (run.error !== undefined) throw run.error;
process.exitCode = run.status ?? 1;
