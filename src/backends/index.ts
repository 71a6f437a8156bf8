import type { Backend, LayerwiseBackend, LoihiBackend } from "./backend.js";
import { compileLayerwise, layerwiseCosts } from "./layerwise/index.js";
import { deploy, loihiPipeline } from "./loihi/index.js";

export type { Backend, CompileOptions, CostOptions, OnChipMemory } from "./backend.js";

export const LAYERWISE: LayerwiseBackend = {
  name: "layerwise",
  summary: "layer by layer, all timesteps of a time block before the next layer (LoAS, C-DNN, Prosperity class)",
  pipeline: "fold-batchnorm",
  compile: compileLayerwise,
  costModel: layerwiseCosts,
};

export const LOIHI: LoihiBackend = {
  name: "loihi",
  summary: "step by step: all neurons in every timestep, on cores that send each other spikes (Loihi class)",
  pipeline: "fold-batchnorm, then quantize to the registers of the chip; nets in integers as they are",
  passesFor: loihiPipeline,
  compile: deploy,
};

/** Every target, written out by hand. */
export const BACKENDS: readonly Backend[] = [LAYERWISE, LOIHI];
