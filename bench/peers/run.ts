/*
 * One picture through one network by spikec and by the dense frameworks that are installed, and who is faster (README.md).
 * npm run bench:peers -- [--config NAME] [--rates TABLE] [--runs N] [--threads N] [--chip NAME or FILE]
 *                        [--networks FOLDER] [--python PATH] [--only WORD]...
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { printBox, ROOT, SHARED } from "../../conformance/support/shared.js";
import { installTfjsNode } from "../../conformance/support/tfjs-node.js";
import { table } from "../../src/cli/text.js";
import { peerResultSchema, type PeerResult } from "./measure.js";

/** Recorded cases that every peer reproduces before its time counts. */
const CASES = ["statten-tiny", "statten-cifar", "sdt-cifar"] as const;

/** Sums of another order move single spikes, and a random network carries them on; further away it is another network. */
const SPIKE_TOLERANCE = 0.05;

const { values: options } = parseArgs({
  options: {
    config: { type: "string", default: "statten-8-768" },
    rates: { type: "string", default: "statten-8-768" },
    runs: { type: "string", default: "3" },
    threads: { type: "string", default: String(availableParallelism()) },
    networks: { type: "string", default: join(tmpdir(), "spikec-peers") },
    python: { type: "string", default: "python3" },
    chip: { type: "string", default: "layerwise-large" },
    only: { type: "string", multiple: true },
  },
});

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** A script of this folder, in whichever checkout it is started. */
const script = (name: string): readonly string[] => [process.execPath, "--import", "tsx", join("bench", "peers", name)];
const cases = CASES.map((name) => join(SHARED, "golden", name));

interface Peer {
  readonly name: string;
  readonly command: readonly string[];
  /** The checkout to start it in; this one by default. */
  readonly checkout?: () => string;
  /** Why it cannot run here. */
  readonly missing?: () => string | undefined;
}

/** How spikec's own line is recognised: the others are compared with it. */
const OWN = "spikec";

function start([program = "", ...args]: readonly string[], more: readonly string[], checkout = ROOT) {
  return spawnSync(program, [...args, ...more], {
    cwd: checkout,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
}

function torchMissing(): string | undefined {
  const { status } = spawnSync(options.python, ["-c", "import torch, numpy"], { stdio: "ignore" });
  return status === 0
    ? undefined
    : `\`${options.python}\` has no torch and numpy; see bench/peers/README.md, or --python`;
}

/** Why there is no tfjs-node, where WebAssembly takes its place. */
let withoutTfjsNode = "it is installed but does not load";

/** The checkout that has tfjs-node: this one, a copy that it is installed into, or this one without it. */
function tfjsCheckout(): string {
  if (existsSync(join(ROOT, "node_modules", "@tensorflow", "tfjs-node"))) return ROOT;
  process.stderr.write("installing tfjs-node into a copy of the checkout ...\n");
  const installed = installTfjsNode(SHARED);
  if ("missing" in installed) {
    withoutTfjsNode = installed.missing;
    return ROOT;
  }
  process.on("exit", () => installed.scratch.remove());
  return installed.scratch.folder;
}

const checks = cases.flatMap((folder) => ["--check", folder]);
const torchOptions = ["--threads", options.threads, "--check", ...cases];
const torch = (mode: string): Peer => ({
  name: `torch-${mode}`,
  command: [options.python, file("statten_torch.py"), "--mode", mode, ...torchOptions],
  missing: torchMissing,
});
const PEERS: readonly Peer[] = [
  { name: OWN, command: [...script("spikec.ts"), "--chip", options.chip, "--threads", options.threads, ...checks] },
  torch("official"),
  torch("folded"),
  { name: "tfjs", command: [...script("tfjs.ts"), "--threads", options.threads, ...checks], checkout: tfjsCheckout },
];

/** The folder of the network that all peers run; made once, because calibrating the large one takes minutes. */
function network(): string {
  const folder = resolve(options.networks, `${options.config}-${options.rates}`);
  if (existsSync(join(folder, "config.json"))) return folder;
  process.stderr.write(`making ${folder}\n`);
  const { status } = start(script("network.ts"), [folder, options.config, options.rates]);
  if (status !== 0) throw new Error(`${options.config} cannot be made`);
  return folder;
}

function runPeer({ name, command, missing, checkout }: Peer, folder: string): PeerResult | undefined {
  const reason = missing?.();
  if (reason !== undefined) {
    printBox([`SKIPPED: ${name}`, reason]);
    return undefined;
  }
  const where = checkout?.() ?? ROOT;
  process.stderr.write(`${name} ...\n`);
  const { status, stdout, error } = start(command, ["--time", folder, "--runs", options.runs], where);
  if (status === 0) return peerResultSchema.parse(JSON.parse(stdout));
  printBox([`FAILED: ${name}`, error?.message ?? `exit status ${status}; its message stands above`]);
  process.exitCode = 1;
  return undefined;
}

/** The runs as a table, times as multiples of spikec's too. */
function show(results: readonly PeerResult[], own: PeerResult | undefined): string {
  const seconds = (value: number): string => value.toFixed(2);
  const head = ["", "threads", "best s", "median s", "processor s", `x ${OWN}`, "spikes", "class", "peak MB", ""];
  const rows = results.map((r) => [
    r.peer,
    String(r.threads),
    seconds(r.bestSeconds),
    seconds(r.seconds),
    seconds(r.processorSeconds),
    own === undefined ? "" : (r.bestSeconds / own.bestSeconds).toFixed(3),
    r.spikes.toLocaleString("en-US"),
    String(r.predicted),
    String(r.peakMB),
    r.note ?? "",
  ]);
  return table([head, ...rows]);
}

const wanted = PEERS.filter(({ name }) => options.only?.some((word) => name.includes(word)) ?? true);
if (wanted.length === 0) throw new Error(`--only takes parts of ${PEERS.map(({ name }) => name).join(", ")}`);
const absent = cases.filter((folder) => !existsSync(folder));
if (absent.length > 0)
  throw new Error(`without recorded cases no time counts: no ${absent.join(", ")}; SPIKEC_SHARED names their folder`);

const folder = network();
const ran = wanted.flatMap((peer) => {
  const result = runPeer(peer, folder);
  return result === undefined ? [] : [{ name: peer.name, result }];
});
const own = ran.find(({ name }) => name === OWN)?.result;
const results = ran.map(({ result }) => result);
process.stdout.write(`\n${options.config}, rates ${options.rates}, one picture, best and median of ${options.runs}\n`);
process.stdout.write(`${show(results, own)}\n`);

if (results.some(({ peer }) => peer.startsWith("tfjs-wasm")))
  printBox(["SKIPPED: tfjs-node, WebAssembly ran in its place", withoutTfjsNode, "see bench/peers/README.md"]);
const [first] = results;
for (const { peer, spikes } of results) {
  if (first === undefined || Math.abs(spikes / first.spikes - 1) <= SPIKE_TOLERANCE) continue;
  printBox([`FAILED: ${peer}`, `${spikes} spikes where ${first.peer} has ${first.spikes}: not the same network`]);
  process.exitCode = 1;
}
if (own !== undefined) {
  const others = results.filter((result) => result !== own);
  const list = (found: readonly PeerResult[]): string => found.map(({ peer }) => peer).join("; ") || "none";
  process.stdout.write(`spikec takes less time than: ${list(others.filter((r) => r.bestSeconds > own.bestSeconds))}\n`);
  process.stdout.write(
    `spikec takes more time than: ${list(others.filter((r) => r.bestSeconds <= own.bestSeconds))}\n`,
  );
}
