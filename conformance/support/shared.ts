import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

/** The repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Where recorded results are looked for: `SPIKEC_SHARED`, or the folder `shared` beside the repository. */
export const SHARED = resolve(process.env["SPIKEC_SHARED"] ?? join(ROOT, "..", "shared"));

/** Whether everything runs, not only the part that fits into a minute or two: `npm run conformance -- --full`. */
export const FULL = process.env["SPIKEC_FULL"] === "1";

export function hasShared(): boolean {
  return existsSync(join(SHARED, "golden"));
}

/** Prints a box on standard error; a skipped check must not look like a passed one. */
export function printBox(lines: readonly string[]): void {
  const width = Math.max(...lines.map((line) => line.length));
  const rule = `+${"-".repeat(width + 2)}+`;
  const rows = lines.map((line) => `| ${line.padEnd(width)} |`);
  process.stderr.write(`\n${[rule, ...rows, rule].join("\n")}\n\n`);
}

/** Skips a check and says so in a box. */
export function skipLoudly(context: TestContext, reason: string): never {
  printBox([`SKIPPED: ${context.task.name}`, reason]);
  return context.skip(reason);
}

/** The folder of recorded results; skips the check where there is none (`announce.ts` has said so, once for all). */
export function needShared(context: TestContext): string {
  return hasShared() ? SHARED : context.skip(`no folder ${SHARED}`);
}
