import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DiagnosticError, reporting, type Report } from "../diagnostics/index.js";
import { readNpy, readNpz } from "../frontend/formats/index.js";
import { MODELS } from "../frontend/models/index.js";
import { elements, type Tensor } from "../math/tensor.js";
import { validateDiagnostics } from "./diagnostics.js";

/** A recorded case: a checkpoint, inputs, and every spike that the official code emitted for them. */

const layerSchema = z.object({
  shape: z.array(z.number().int().positive()),
  layout: z.string(),
  v_th: z.number(),
  rounding_noise: z.number(),
});

const layersSchema = z.object({
  order_of_execution: z.array(z.string()),
  layers: z.record(z.string(), layerSchema),
});

const configSchema = z.object({
  case: z.string(),
  arch: z.string(),
  T: z.number().int().positive(),
  hyperparameters: z.record(z.string(), z.unknown()),
});

export interface RecordedLayer {
  readonly name: string;
  readonly positions: number;
  readonly channels: number;
  /** [sample, timestep, position, channel], 0 or 1. */
  readonly spikes: Uint8Array;
  /** Threshold of the recorded neurons. */
  readonly vTh: number;
  /** Largest |h_float32 - h_float64| that was recorded: what another order of sums may do. */
  readonly roundingNoise: number;
}

export interface RecordedCase {
  readonly name: string;
  readonly arch: string;
  readonly checkpoint: string;
  readonly timesteps: number;
  readonly samples: number;
  readonly input: Tensor;
  /** [B, classes], or [T, B, classes]. */
  readonly logits: Tensor;
  /** In order of execution. */
  readonly layers: readonly RecordedLayer[];
}

/** Axes of a recorded layout after T and B, by role. Several channel axes are one channel index, several position axes one position. */
function axisRoles(layout: string): readonly ("position" | "channel")[] | undefined {
  const axes = layout.split(",");
  if (axes[0] !== "T" || axes[1] !== "B") return undefined;
  const roles: Readonly<Record<string, "position" | "channel">> = {
    C: "channel",
    H: "position",
    W: "position",
    N: "position",
    heads: "channel",
    head_dim: "channel",
    "1": "position",
  };
  const found = axes.slice(2).map((axis) => roles[axis]);
  return found.every((role) => role !== undefined) ? found : undefined;
}

function fail(message: string, file: string): DiagnosticError {
  return new DiagnosticError(validateDiagnostics.make("bad-case", message, { location: { kind: "file", file } }));
}

/** Packed bits [T, B, ...] (most significant bit first) as [B, T, position, channel]. */
function unpackLayer(name: string, layer: z.infer<typeof layerSchema>, packed: Tensor, file: string): RecordedLayer {
  const roles = axisRoles(layer.layout);
  if (roles === undefined || roles.length !== layer.shape.length - 2)
    throw fail(`layer \`${name}\` has the unknown layout ${layer.layout}`, file);
  const total = elements(layer.shape);
  if (packed.data.length !== Math.ceil(total / 8)) {
    throw fail(`layer \`${name}\` needs ${Math.ceil(total / 8)} bytes of spikes, has ${packed.data.length}`, file);
  }
  const [timesteps = 0, samples = 0, ...dims] = layer.shape;
  const channels = dims.filter((_, i) => roles[i] === "channel").reduce((a, b) => a * b, 1);
  const positions = elements(dims) / channels;
  const spikes = new Uint8Array(total);
  const slot = positions * channels;
  // Where each element of one slot goes: mixed radix over position axes and over channel axes.
  const target = new Int32Array(slot);
  for (let i = 0; i < slot; i++) {
    let rest = i;
    const index = dims.map(() => 0);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = rest % dims[axis]!;
      rest = Math.floor(rest / dims[axis]!);
    }
    let [p, c] = [0, 0];
    for (const [axis, role] of roles.entries()) {
      if (role === "position") p = p * dims[axis]! + index[axis]!;
      else c = c * dims[axis]! + index[axis]!;
    }
    target[i] = p * channels + c;
  }
  for (let t = 0; t < timesteps; t++) {
    for (let b = 0; b < samples; b++) {
      const from = (t * samples + b) * slot;
      const to = (b * timesteps + t) * slot;
      for (let i = 0; i < slot; i++) {
        const bit = from + i;
        spikes[to + target[i]!] = (packed.data[bit >> 3]! >> (7 - (bit & 7))) & 1;
      }
    }
  }
  return { name, positions, channels, spikes, vTh: layer.v_th, roundingNoise: layer.rounding_noise };
}

function parseJson<T>(schema: z.ZodType<T>, file: string): T {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw fail(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, file);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw fail(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`, file);
}

/** Said of a folder that lacks a file. */
export const CASE_HINT = "`spikec validate --help` lists the files of each kind of case";

/** Reads a case folder (layout: the README beside the golden cases). */
export function readRecordedCase(folder: string, report: Report): RecordedCase | undefined {
  const architectures = MODELS.map((model) => model.name);
  return reporting(report, () => {
    for (const name of ["config.json", "layers.json", "model.pth", "input.npy", "expect.npz"]) {
      if (existsSync(join(folder, name))) continue;
      throw new DiagnosticError(
        validateDiagnostics.make("not-a-case", `no \`${name}\` in ${folder}`, {
          location: { kind: "file", file: folder },
          hint: CASE_HINT,
        }),
      );
    }
    const config = parseJson(configSchema, join(folder, "config.json"));
    if (!architectures.includes(config.arch)) {
      const message = `case \`${config.case}\` records a \`${config.arch}\` network, which cannot be imported`;
      const hint = `known: ${architectures.join(", ")}`;
      throw new DiagnosticError(validateDiagnostics.make("unsupported-case", message, { hint }));
    }
    const { order_of_execution: order, layers } = parseJson(layersSchema, join(folder, "layers.json"));
    const expectFile = join(folder, "expect.npz");
    const expected = readNpz(readFileSync(expectFile), expectFile, report);
    const inputFile = join(folder, "input.npy");
    const input = readNpy(readFileSync(inputFile), inputFile, report);
    const logits = expected?.get("logits");
    if (expected === undefined || input === undefined) return undefined;
    if (logits === undefined) throw fail("no `logits`", expectFile);
    const recorded = order.map((name) => {
      const layer = layers[name];
      const packed = expected.get(name);
      if (layer === undefined || packed === undefined)
        throw fail(`layer \`${name}\` is listed but not recorded`, expectFile);
      return unpackLayer(name, layer, packed, expectFile);
    });
    return {
      name: config.case,
      arch: config.arch,
      checkpoint: join(folder, "model.pth"),
      timesteps: config.T,
      samples: input.shape[0] ?? 0,
      input,
      logits,
      layers: recorded,
    };
  });
}
