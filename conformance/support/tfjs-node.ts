/* TensorFlow's native library, which is no dependency of spikec: it goes into a scratch copy of the checkout. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { hasCommand, makeScratch, type Scratch } from "./scratch.js";

const TFJS_NODE = "@tensorflow/tfjs-node@4.22.0";

const TOOLS = [
  { name: "bash", present: () => hasCommand("bash", ["--version"]) },
  { name: "python3 with pip", present: () => hasCommand("python3", ["-m", "pip", "--version"]) },
  { name: "g++", present: () => hasCommand("g++", ["--version"]) },
  { name: "make", present: () => hasCommand("make", ["--version"]) },
  { name: "Node headers in /usr/include/node", present: () => existsSync("/usr/include/node/node_api.h") },
] as const;

/** What npm and pip say when a registry cannot be reached, or has no wheel for this kind of machine. */
const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|NewConnectionError|ConnectTimeout|ReadTimeout|No matching distribution/;

/** A copy of the checkout with tfjs-node in it, or why there can be none here. */
export type TfjsNodeInstall = { readonly scratch: Scratch } | { readonly missing: string };

/** Installs tfjs-node into a copy of the checkout with the tool of the folder `shared`; takes minutes, and the network the first time. */
export function installTfjsNode(shared: string): TfjsNodeInstall {
  const script = join(shared, "tools", "install-tfjs-node");
  if (!existsSync(script)) return { missing: `no ${script}` };
  const absent = TOOLS.filter(({ present }) => !present()).map(({ name }) => name);
  if (absent.length > 0) return { missing: `tfjs-node cannot be built here, missing: ${absent.join(", ")}` };
  const scratch = makeScratch();
  const steps = [
    // As an optional peer of this very package it counts as wanted nowhere, unless it is asked for as a development dependency.
    () => scratch.run("npm", ["install", "--no-save", "--save-dev", "--ignore-scripts", TFJS_NODE]),
    () => scratch.run("bash", [script, scratch.folder]),
  ];
  for (const step of steps) {
    const { ok, output } = step();
    if (ok) continue;
    scratch.remove();
    const reason = output.split("\n").find((line) => NO_NETWORK.test(line));
    if (reason === undefined) throw new Error(`tfjs-node cannot be installed:\n${output}`);
    return { missing: `tfjs-node cannot be installed, no registry: ${reason.trim()}` };
  }
  return { scratch };
}
