import type { LayerwiseChip } from "../chips/layerwise.js";
import type { Report } from "../diagnostics/index.js";
import type { Net } from "../ir/index.js";
import type { Program } from "./program/program.js";

export interface CompileOptions {
  /** Timesteps that a layer runs before the next one starts. Default: all. */
  readonly timeBlock?: number;
}

/** Compiles nets for one family of chips. */
export interface Backend {
  /** As in `--target` and in chip descriptions. */
  readonly name: string;
  readonly summary: string;
  /** Passes that a net goes through before `compile`. */
  readonly pipeline: string;
  /** The program, or undefined with the reasons in `report`. */
  compile(net: Net, chip: LayerwiseChip, options: CompileOptions, report: Report): Program | undefined;
}
