import { readFileSync } from "node:fs";
import { z } from "zod";
import { didYouMean, type Report } from "../../diagnostics/index.js";
import type { Net } from "../../ir/index.js";
import { randomDiagnostics } from "./diagnostics.js";

/** Tables of firing rates that come with spikec; `rates/<name>.json` beside this file. */
export const BUILT_IN_RATES = ["statten-8-768"] as const;

const rate = z.number().min(0).max(1);

/**
 * Firing rates of neuron outputs, before pooling: by layer, one per timestep or one for all. Where layers are joined by ` + `, their
 * rates add up to the given ones; the sum is split evenly.
 */
export const rateTableSchema = z.strictObject({
  name: z.string(),
  source: z.string(),
  notes: z.array(z.string()).optional(),
  layers: z.record(z.string(), z.union([rate, z.array(rate).min(1)])),
});

export type RateTable = z.infer<typeof rateTableSchema>;

function bad(message: string, file: string, report: Report, hint?: string): undefined {
  return report.add(randomDiagnostics.make("rates", message, { location: { kind: "file", file }, hint }));
}

/** Reads a table of rates: a built-in name, a JSON file, or one number that every layer is to have. */
export function readRates(nameOrPath: string, report: Report): RateTable | number | undefined {
  const text = nameOrPath.trim();
  const number = text === "" ? NaN : Number(text);
  if (!Number.isNaN(number)) {
    if (rate.safeParse(number).success) return number;
    return bad(`a firing rate lies in 0..1, got ${text}`, "--rates", report);
  }
  const builtIn = (BUILT_IN_RATES as readonly string[]).includes(text);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(builtIn ? new URL(`./rates/${text}.json`, import.meta.url) : text, "utf8"));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "it is not JSON";
    const hint = `a number in 0..1, a JSON file, or a built-in table: ${BUILT_IN_RATES.join(", ")}`;
    return bad(`the table of rates cannot be read (${reason})`, text, report, hint);
  }
  const parsed = rateTableSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues)
    bad(`\`${path.map(String).join(".") || "the table"}\`: ${message}`, text, report);
  return undefined;
}

export type WantedRates = ReadonlyMap<string, readonly number[]>;

/** The rates of a table for the layers of a net, one per timestep; faults are layers and timesteps that do not fit. */
export function wantedRates(
  table: RateTable | number,
  net: Net,
  timesteps: number,
  report: Report,
): WantedRates | undefined {
  const names = net.ops.flatMap((op) => (op.layer === undefined ? [] : [op.layer.name]));
  const wanted = new Map<string, readonly number[]>();
  if (typeof table === "number") {
    for (const name of names)
      wanted.set(
        name,
        Array.from({ length: timesteps }, () => table),
      );
    return wanted;
  }
  const known = new Set(names);
  const before = report.errors.length;
  for (const [key, value] of Object.entries(table.layers)) {
    const layers = key.split("+").map((name) => name.trim());
    const rates = typeof value === "number" ? Array.from({ length: timesteps }, () => value) : value;
    if (rates.length !== timesteps)
      bad(`\`${key}\` has ${rates.length} rates, the network ${timesteps} timesteps`, table.name, report);
    for (const layer of layers) {
      if (!known.has(layer)) {
        bad(`the network has no spiking layer \`${layer}\``, table.name, report, didYouMean(layer, names));
      } else if (wanted.has(layer)) {
        bad(`\`${layer}\` has two rates`, table.name, report);
      } else {
        const share = rates.map((r) => r / layers.length);
        wanted.set(layer, share);
      }
    }
  }
  return report.errors.length > before ? undefined : wanted;
}

/** Layers of a table of which only a sum with others is given: their rates are equal shares of it. */
export function sharedLayers(table: RateTable | number): ReadonlySet<string> {
  if (typeof table === "number") return new Set();
  const keys = Object.keys(table.layers).map((key) => key.split("+").map((name) => name.trim()));
  return new Set(keys.filter((layers) => layers.length > 1).flat());
}
