// Finishes what tsc leaves: copies the files that src/ loads at run time (JSON, compiled kernels) to the same places in dist/, and makes the
// command line executable, which `npx spikec` inside this repository needs.
import { chmodSync, cpSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
  if (/\.(json|wasm)$/.test(file)) cpSync(join(root, "src", file), join(root, "dist", file));
}
chmodSync(join(root, "dist", "cli", "main.js"), 0o755);
