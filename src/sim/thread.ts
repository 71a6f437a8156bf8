import { createRequire } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker, type TransferListItem } from "node:worker_threads";

/**
 * Starts a module of this package in a thread: `script` lies beside the module whose URL is `beside`, and has its ending, which is
 * left out. Built, that is `.js`. Run from the sources it is `.ts`, and a thread does not inherit its parent's TypeScript loader,
 * so a first module brings one.
 */
export function startThread(
  beside: string,
  script: string,
  workerData: unknown,
  transferList: readonly TransferListItem[] = [],
): Worker {
  const options = { workerData, transferList: [...transferList] };
  const ending = extname(fileURLToPath(beside));
  const module = new URL(`${script}${ending}`, beside);
  if (ending === ".js") return new Worker(module, options);
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx/package.json"));
  const loader = new URL("dist/esm/api/index.mjs", tsx);
  const first = `import { register } from "${loader.href}"; register(); await import("${module.href}");`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(first)}`), options);
}
