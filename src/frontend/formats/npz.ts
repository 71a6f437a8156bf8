/** NumPy archives: a ZIP of `.npy` arrays, stored or deflated. */
import { reporting, type Report } from "../../diagnostics/index.js";
import type { Tensor } from "../../math/tensor.js";
import { corrupt } from "./bytes.js";
import { decodeNpy } from "./npy.js";
import { openZip, unpack, type ZipArchive } from "./zip.js";

export function isNpzArchive(archive: ZipArchive): boolean {
  return archive.entries.size > 0 && [...archive.entries.keys()].every((name) => name.endsWith(".npy"));
}

/** Reads every array by its name without `.npy`. Faults: `frontend/corrupt-file`, `frontend/unsupported-dtype`, `frontend/too-large`. */
export function readNpz(bytes: Uint8Array, file: string, report: Report): ReadonlyMap<string, Tensor> | undefined {
  return reporting(report, () => {
    const archive = openZip(bytes, file);
    const arrays = new Map<string, Tensor>();
    for (const entry of archive.entries.values()) {
      if (!entry.name.endsWith(".npy"))
        throw corrupt({ file, entry: entry.name }, 0, "only .npy arrays in the archive");
      const origin = { file, entry: entry.name.slice(0, -4) };
      arrays.set(origin.entry, decodeNpy(unpack(archive, entry), origin, report));
    }
    return arrays;
  });
}
