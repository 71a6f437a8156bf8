import { constants } from "node:buffer";
import { statSync } from "node:fs";
import type { Report } from "../diagnostics/index.js";
import { loihiRunSchema, type LoihiRunFile } from "../sim/loihi/run-file.js";
import { runFileSchema, type RunFile } from "../sim/run-file.js";
import { cliDiagnostics } from "./diagnostics.js";
import { readFileOrThrow } from "./files.js";
import { count } from "./text.js";

/** Reads a run of any kind of chip; says where it stopped early. `orElse`: what else the caller takes, for the hint. */
export function readRun(path: string, report: Report, orElse = ""): RunFile | LoihiRunFile | undefined {
  const location = { kind: "file", file: path } as const;
  const hint = `write one with \`spikec simulate program.spk --input … -o run.json\`${orElse}`;
  const fail = (why: string): undefined =>
    report.add(cliDiagnostics.make("run-file", `\`${path}\` is not a run: ${why}`, { location, hint }));
  // A character of JSON is at least a byte; what is longer than a string cannot be parsed.
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > constants.MAX_STRING_LENGTH) {
    const message = `\`${path}\` has ${count(bytes)} bytes, more than the ${count(constants.MAX_STRING_LENGTH)} that can be read`;
    const smaller = "write smaller ones: --limit fewer samples, or leave out --record or --probe of whole layers";
    return report.add(cliDiagnostics.make("run-file", message, { location, hint: smaller }));
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(readFileOrThrow(path)));
  } catch (error) {
    if (error instanceof SyntaxError) return fail("it is not JSON");
    throw error;
  }
  const stepByStep = typeof json === "object" && json !== null && "target" in json;
  const parsed = stepByStep ? loihiRunSchema.safeParse(json) : runFileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return fail(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
  }
  const { samples, stopped } = parsed.data;
  if (samples.length === 0) return fail("it holds no samples");
  if (stopped !== undefined) {
    const message = `the run holds ${samples.length} of ${stopped.asked} samples: ${stopped.why}`;
    report.add(cliDiagnostics.make("incomplete-run", message, { location }));
  }
  return parsed.data;
}
