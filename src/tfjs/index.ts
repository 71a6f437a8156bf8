import type { LinearKernels } from "../ir/index.js";
import { makeTfKernels } from "./kernels.js";
import { loadNative } from "./native.js";
import { loadWasm } from "./wasm.js";

export interface TfjsKernels {
  readonly kernels: LinearKernels;
  /** Whose arithmetic it is, for example `tfjs-wasm 4.22.0`. */
  readonly backend: string;
  /** Why a backend that is installed is not the one in use; to be shown once. */
  readonly note?: string;
}

export interface TfjsOptions {
  /** `auto` takes the native backend where it works, else WebAssembly. */
  readonly backend?: "auto" | "wasm";
}

/**
 * Loads TensorFlow.js and returns its linear kernels, for `evaluate(net, inputs, { kernels })`. TensorFlow.js knows one backend
 * per process: kernels of an earlier call move to the backend of the latest one.
 */
export async function loadTfjsKernels({ backend = "auto" }: TfjsOptions = {}): Promise<TfjsKernels> {
  const native = backend === "wasm" ? ({ missing: true } as const) : await loadNative();
  const loaded = "tf" in native ? native : await loadWasm();
  const note =
    "broken" in native
      ? `tfjs-node is installed but does not load (${native.broken}); using ${loaded.backend}`
      : undefined;
  return {
    kernels: makeTfKernels(loaded.tf, loaded.backend),
    backend: loaded.backend,
    ...(note === undefined ? {} : { note }),
  };
}
