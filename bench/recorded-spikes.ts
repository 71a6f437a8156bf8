/* Spikes as trained networks emit them: timesteps of one neuron resemble each other, which independent bits do not show. */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { readRecordedCase } from "../src/validate/recorded-case.js";

/** Recorded cases of four timesteps. */
const CASES = ["statten-cifar", "sdt-cifar", "statten-fashion-trained"];
const TIMESTEPS = 4;
const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Where recorded results are looked for: `SPIKEC_SHARED`, or the folder `shared` beside the repository. */
export const SHARED = resolve(process.env["SPIKEC_SHARED"] ?? join(ROOT, "..", "shared"));

/** Spikes of one layer: per sample and position a vector of channels, whose bit t says whether timestep t spikes. */
interface Vectors {
  readonly vectors: readonly Uint8Array[];
  readonly rate: number;
}

/** All recorded layers; undefined where there are none. */
export function readVectors(): readonly Vectors[] | undefined {
  if (!existsSync(join(SHARED, "golden"))) return undefined;
  return CASES.flatMap((name) => {
    const report = new Report();
    const recorded = readRecordedCase(join(SHARED, "golden", name), report);
    if (recorded === undefined) throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
    return recorded.layers
      .filter(({ positions }) => positions > 1)
      .map(({ positions, channels, spikes }) => {
        const bit = (sample: number, t: number, at: number): number =>
          spikes[(sample * TIMESTEPS + t) * positions * channels + at]!;
        const vectors = Array.from({ length: recorded.samples * positions }, (_, i) => {
          const [sample, position] = [Math.floor(i / positions), i % positions];
          return Uint8Array.from({ length: channels }, (_c, c) => {
            let pattern = 0;
            for (let t = 0; t < TIMESTEPS; t++) pattern |= bit(sample, t, position * channels + c) << t;
            return pattern;
          });
        });
        return { vectors, rate: spikes.reduce((sum, s) => sum + s, 0) / spikes.length };
      });
  });
}

/**
 * `count` patterns of inputs with about the wanted activity: recorded vectors one behind the other, the next one always from a
 * layer that brings the mean nearer, of those within a factor of two of it. Undefined where no layer is so near.
 */
export function recordedPatterns(
  layers: readonly Vectors[],
  activity: number,
  count: number,
  draw: () => number,
): Uint8Array | undefined {
  const near = layers.filter(({ rate }) => rate > activity / 2 && rate < activity * 2);
  if (near.length === 0) return undefined;
  const patterns = new Uint8Array(count);
  let spikes = 0;
  for (let at = 0; at < count;) {
    const wanted = spikes < activity * TIMESTEPS * at;
    const side = near.filter(({ rate }) => rate > activity === wanted);
    const from = side.length > 0 ? side : near;
    const { vectors } = from[Math.floor(draw() * from.length)]!;
    const vector = vectors[Math.floor(draw() * vectors.length)]!.subarray(0, count - at);
    patterns.set(vector, at);
    for (const pattern of vector) spikes += popcount(pattern);
    at += vector.length;
  }
  return patterns;
}

/** Set bits of a pattern. */
export function popcount(pattern: number): number {
  let n = 0;
  for (let rest = pattern; rest !== 0; rest &= rest - 1) n++;
  return n;
}
