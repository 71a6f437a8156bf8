/** Peak memory of a process: of this one, or of one that is started with `--import` {@link PRINT_PEAK}. */
import { existsSync, readFileSync } from "node:fs";

const STATUS = "/proc/self/status";

/** Megabytes. `maxRSS` would do where it does not begin with the size of the parent, as on Linux. */
export function peakMegabytes(): number {
  const status = existsSync(STATUS) ? readFileSync(STATUS, "utf8") : "";
  const kilobytes = /VmHWM:\s*(\d+)/.exec(status)?.[1];
  return (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes)) / 1024;
}

const SCRIPT = `
import { existsSync, readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
const STATUS = "${STATUS}";
${peakMegabytes.toString()}
if (isMainThread) process.on("exit", () => process.stderr.write("peak " + peakMegabytes() + "\\n"));`;

/** A module that ends a process with the line `peak MEGABYTES` on standard error. */
export const PRINT_PEAK = `data:text/javascript,${encodeURIComponent(SCRIPT)}`;

/** The megabytes in what such a process wrote to standard error. */
export function printedPeak(text: string): number {
  const megabytes = /^peak ([\d.]+)$/m.exec(text)?.[1];
  if (megabytes === undefined) throw new Error(`no peak memory in: ${text}`);
  return Number(megabytes);
}
