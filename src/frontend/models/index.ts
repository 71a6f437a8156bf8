import type { Report } from "../../diagnostics/index.js";
import type { Checkpoint } from "../formats/index.js";
import type { Settings, SettingDefinition } from "./settings.js";
import { buildTransformer, transformerSettings, type BuiltModel } from "./spike-driven-transformer.js";

export { modelDiagnostics } from "./diagnostics.js";
export type { BuiltModel } from "./spike-driven-transformer.js";
export * from "./settings.js";

/** One architecture: its settings, and how tensors and settings become a net. */
export interface Model {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly settings: readonly SettingDefinition[];
  build(checkpoint: Checkpoint, file: string, settings: Settings, report: Report): BuiltModel | undefined;
}

export const MODELS: readonly Model[] = [
  {
    name: "statten",
    summary: "spike-driven transformer with spatial-temporal attention over chunks of timesteps",
    source: "Intelligent-Computing-Lab-Yale/STAtten; also runs SDT's attention as that repository does (attention=SDT)",
    settings: transformerSettings("STAtten"),
    build: (checkpoint, file, settings, report) =>
      buildTransformer(checkpoint, file, settings, { poolsQueries: true }, report),
  },
  {
    name: "sdt",
    summary: "spike-driven transformer (SDSA-1)",
    source: "BICLab/Spike-Driven-Transformer",
    settings: transformerSettings("SDT"),
    build: (checkpoint, file, settings, report) =>
      buildTransformer(checkpoint, file, settings, { poolsQueries: false }, report),
  },
];
