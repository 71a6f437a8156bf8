/*
 * Writes a network of a published size, with firing rates set by calibration, and a picture of noise into a folder, where every
 * peer reads them: `model.safetensors` and `config.json` by the names of the official code, `input.npy` as [1, C, H, W].
 * tsx bench/peers/network.ts FOLDER [configuration] [rates]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Report } from "../../src/diagnostics/index.js";
import { writeNpy, writeSafetensors } from "../../src/frontend/formats/index.js";
import type { Settings } from "../../src/frontend/models/index.js";
import { noiseInput } from "../../src/frontend/random/noise.js";
import { calibrateModel, randomModel } from "../../src/frontend/random/random-model.js";
import { readRates } from "../../src/frontend/random/rates.js";
import { found } from "./measure.js";

const SEED = 1;

/** The settings of a model by the names of the official constructor. */
function hyperparameters(settings: Settings): Readonly<Record<string, number | boolean | string>> {
  return {
    img_size_h: settings.int("height"),
    img_size_w: settings.int("width"),
    in_channels: settings.int("channels"),
    num_classes: settings.int("classes"),
    embed_dims: settings.int("dim"),
    num_heads: settings.int("heads"),
    mlp_ratios: settings.int("mlp-ratio"),
    depths: settings.int("depth"),
    T: settings.int("timesteps"),
    chunk_size: settings.int("chunk"),
    pooling_stat: settings.word("pooling"),
    attention_mode: settings.word("attention"),
    spike_mode: "lif",
    dvs_mode: settings.flag("events"),
    TET: settings.flag("tet"),
  };
}

/** Channels last, as spikec has them, to channels first. */
function channelsFirst(data: Float32Array, [height, width, channels]: readonly [number, number, number]): Float32Array {
  const positions = height * width;
  return Float32Array.from(data, (_, i) => data[(i % positions) * channels + Math.floor(i / positions)] ?? 0);
}

const [folder, config = "statten-8-768", rates = "statten-8-768"] = process.argv.slice(2);
if (folder === undefined) throw new Error("tsx bench/peers/network.ts FOLDER [configuration] [rates]");
const report = new Report();
const random = found(randomModel({ seed: SEED, config }, report), report);
const table = found(readRates(rates, report), report);
const { settings, checkpoint, net } = found(calibrateModel(random, table, { seed: SEED }, report), report);
const [input] = net.inputs;
if (input === undefined || settings.flag("events")) throw new Error(`\`${config}\` does not take one static picture`);
const size = [settings.int("height"), settings.int("width"), settings.int("channels")] as const;
const picture = channelsFirst(noiseInput(input.type, SEED), size);

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "model.safetensors"), writeSafetensors(checkpoint.tensors));
writeFileSync(
  join(folder, "input.npy"),
  writeNpy({ dtype: "f32", shape: [1, size[2], size[0], size[1]], data: picture }),
);
// Last: a folder with this file is complete.
const text = JSON.stringify({ case: config, arch: "statten", hyperparameters: hyperparameters(settings) }, null, 1);
writeFileSync(join(folder, "config.json"), `${text}\n`);
