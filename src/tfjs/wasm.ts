import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import type { LoadedTf } from "./api.js";
import { withoutNewListeners } from "./host.js";

const PACKAGE = "@tensorflow/tfjs-backend-wasm";

/** TensorFlow.js on its WebAssembly backend, from the `.wasm` files in the package: always there, needs no network. */
export async function loadWasm(): Promise<LoadedTf> {
  const tf = await import("@tensorflow/tfjs-core");
  const { setWasmPaths, version_wasm: version } = await import("@tensorflow/tfjs-backend-wasm");
  // Silences the advice to install tfjs-node, which the processor backend beneath prints on first use.
  tf.env().set("PROD", true);
  const files = dirname(createRequire(import.meta.url).resolve(PACKAGE)) + sep;
  setWasmPaths(files);
  await withoutNewListeners(() => tf.setBackend("wasm"));
  return { tf, backend: `tfjs-wasm ${version}` };
}
