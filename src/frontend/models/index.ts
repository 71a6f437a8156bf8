import type { Report } from "../../diagnostics/index.js";
import type { Checkpoint } from "../formats/index.js";
import { SDT_CONFIGURATIONS, STATTEN_CONFIGURATIONS, type Configuration } from "./configurations.js";
import type { Settings, SettingDefinition } from "./settings.js";
import { buildTransformer, transformerSettings, type BuiltModel } from "./spike-driven-transformer.js";
import type { MakeTensor } from "./tensors.js";

export { modelDiagnostics } from "./diagnostics.js";
export type { BuiltModel } from "./spike-driven-transformer.js";
export type { Configuration } from "./configurations.js";
export type { MakeTensor, TensorRole } from "./tensors.js";
export * from "./settings.js";

/** One architecture: its settings, and how tensors and settings become a net. */
export interface Model {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly settings: readonly SettingDefinition[];
  /** Sizes that were published, for networks made without a checkpoint. */
  readonly configurations: readonly Configuration[];
  /** With `make`, tensors that the checkpoint lacks are made. */
  build(
    checkpoint: Checkpoint,
    file: string,
    settings: Settings,
    report: Report,
    make?: MakeTensor,
  ): BuiltModel | undefined;
}

export const MODELS: readonly Model[] = [
  {
    name: "statten",
    summary: "spike-driven transformer with spatial-temporal attention over chunks of timesteps",
    source: "Intelligent-Computing-Lab-Yale/STAtten; also runs SDT's attention as that repository does (attention=SDT)",
    settings: transformerSettings("STAtten"),
    configurations: STATTEN_CONFIGURATIONS,
    build: (checkpoint, file, settings, report, make) =>
      buildTransformer(checkpoint, file, settings, { poolsQueries: true }, report, make),
  },
  {
    name: "sdt",
    summary: "spike-driven transformer (SDSA-1)",
    source: "BICLab/Spike-Driven-Transformer",
    settings: transformerSettings("SDT"),
    configurations: SDT_CONFIGURATIONS,
    build: (checkpoint, file, settings, report, make) =>
      buildTransformer(checkpoint, file, settings, { poolsQueries: false }, report, make),
  },
];
