/** STAtten-SDT 8-768 at 224 x 224, T = 4: the network of bench/peers, compiled for real weights and for eight bits. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import { encodeProgram } from "../src/backends/program/index.js";
import { readChip, type LayerwiseChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { parsePipeline, runPipeline } from "../src/passes/index.js";
import { found, readNetwork } from "./peers/measure.js";

const CONFIG = "statten-8-768";

/** Where bench/peers writes its networks, where nothing else is said. */
export const NETWORKS = join(tmpdir(), "spikec-peers");

export interface FullSizeProgram {
  readonly chip: string;
  readonly instructions: number;
  readonly file: string;
}

/** Folder of the network, with its picture, below the folder of all networks. */
export function networkFolder(networks: string): string {
  return join(networks, CONFIG);
}

/** `chip` on weights of eight bits, with the adders of `layerwise-int8`. */
function eightBits(chip: LayerwiseChip): LayerwiseChip {
  return { ...chip, name: `${chip.name} in eight bits`, lanes: 128, weightBits: 8, accumulatorBits: 32 };
}

/** Runs a script of this folder in a process of its own. */
export function child(script: string, args: readonly string[]): void {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status } = spawnSync(process.execPath, ["--import", "tsx", path, ...args], { stdio: "inherit" });
  if (status !== 0) throw new Error(`${script} ${args.join(" ")} ended with status ${status}`);
}

/** Compiles the network, which is made first where it is missing, and writes one program file after the other to `folder`. */
export function* fullSizePrograms(networks: string, folder: string): Generator<FullSizeProgram> {
  const network = networkFolder(networks);
  if (!existsSync(join(network, "config.json"))) child("peers/network.ts", [network, CONFIG, CONFIG]);
  const report = new Report();
  const large = found(readChip("layerwise-large", report, "layerwise"), report) as LayerwiseChip;
  for (const chip of [large, eightBits(large)]) {
    const { net: imported } = readNetwork(network);
    const pipeline = chip.weightBits === 8 ? "quantized" : "canonicalize";
    const net = found(runPipeline(imported, parsePipeline(pipeline).steps ?? []).result, report);
    const program = found(compileLayerwise(net, chip, {}, report), report);
    const file = join(folder, `${chip.weightBits}.spk`);
    writeFileSync(file, encodeProgram(program));
    yield { chip: chip.name, instructions: program.instructions.length, file };
  }
}
