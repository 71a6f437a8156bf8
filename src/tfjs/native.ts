import { createRequire } from "node:module";
import type { LoadedTf, TfApi } from "./api.js";
import { withQuietNative } from "./host.js";

/** An optional peer dependency, so the compiler must not look for its types. */
const PACKAGE = "@tensorflow/tfjs-node";

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve(PACKAGE);
    return true;
  } catch {
    return false;
  }
}

type NativeTf = TfApi & { readonly version: Readonly<Record<string, string>> };

function isNativeTf(value: unknown): value is NativeTf {
  const functions = ["conv2d", "env", "matMul", "maxPool", "pad", "setBackend", "tensor2d", "tensor4d", "tidy"];
  if (typeof value !== "object" || value === null || !("version" in value)) return false;
  return functions.every((name) => name in value);
}

export type NativeLoad = LoadedTf | { readonly missing: true } | { readonly broken: string };

/**
 * TensorFlow's native library, where `@tensorflow/tfjs-node` is installed. `broken` says why an installed package cannot be
 * used: mostly its native file was never downloaded or was built for another Node.
 */
export async function loadNative(): Promise<NativeLoad> {
  if (!isInstalled()) return { missing: true };
  try {
    const loaded: unknown = await withQuietNative(() => import(PACKAGE));
    const tf = typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : loaded;
    if (!isNativeTf(tf)) return { broken: "it exports no TensorFlow.js" };
    await tf.setBackend("tensorflow");
    return { tf, backend: `tfjs-node ${tf.version["tfjs-node"] ?? "of unknown version"}` };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { broken: message.split("\n").find((line) => line.trim() !== "") ?? "unknown fault" };
  }
}
