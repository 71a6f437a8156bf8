import type { Backend } from "./backend.js";
import { compileLayerwise, layerwiseCosts } from "./layerwise/index.js";

export type { Backend, CompileOptions, CostOptions } from "./backend.js";

/** Every target, written out by hand. */
export const BACKENDS: readonly Backend[] = [
  {
    name: "layerwise",
    summary: "layer by layer, all timesteps of a time block before the next layer (LoAS, C-DNN, Prosperity class)",
    pipeline: "fold-batchnorm",
    compile: compileLayerwise,
    costModel: layerwiseCosts,
  },
];
