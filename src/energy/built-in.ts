import { readFileSync } from "node:fs";
import type { z } from "zod";
import { internalError } from "../diagnostics/index.js";

/** A JSON file that comes with spikec; one that its schema refuses is a bug of ours. */
export function readBuiltIn<T extends z.ZodType>(file: URL, schema: T): z.infer<T> {
  const parsed = schema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw internalError(`${file.pathname}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}
