import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { writeNpy } from "../../src/frontend/formats/index.js";
import { Random } from "./random.js";

/**
 * Recorded cases of integer neurons, made by a plain simulation of one neuron after the other: numbers, loops over timesteps, spikes
 * looked up in the past, and no code of spikec but the writer of arrays.
 */

export interface CaseLayer {
  n_in: number;
  n_out: number;
  weights: string;
  weight_exp: number;
  num_weight_bits: number;
  sign_mode: string;
  decay_u: number;
  decay_v: number;
  vth_mant: number;
  bias_mant: string;
  bias_exp: number;
  refractory: number;
  delay: number;
  vmin?: number;
  vmax?: number;
}

export interface CaseConfig {
  name: string;
  tool: string;
  T: number;
  layers: CaseLayer[];
}

export interface NeuronCaseFiles {
  readonly config: CaseConfig;
  /** By layer, [n_out][n_in]: even, so that every tool adds them as they are. */
  readonly weights: readonly (readonly (readonly number[])[])[];
  /** By layer, [n_out], before the exponent. */
  readonly biases: readonly (readonly number[])[];
  /** [T][n_in] */
  readonly input: readonly (readonly number[])[];
  /** By layer, [T][n_out]. */
  readonly u: number[][][];
  readonly v: number[][][];
  readonly s: number[][][];
}

const list = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const towardZero = (x: number, kept: number): number => Math.sign(x) * Math.floor((Math.abs(x) * kept) / 4096);

/** Values that stay clear of every wrap and clip, where the tools differ in decay, bias, delays and refractory period alone. */
export function randomNeuronCase(tool: "nengo" | "lava" | "brian2", seed: number): NeuronCaseFiles {
  const random = new Random(seed);
  const sizes = [random.int(3, 6), random.int(2, 5), random.int(1, 4)];
  const T = random.int(6, 20);
  const layers = [0, 1].map((i): CaseLayer => ({
    n_in: sizes[i]!,
    n_out: sizes[i + 1]!,
    weights: `w${i}.npy`,
    // lava shifts the sum, down as well; the others round each weight.
    weight_exp: tool === "lava" ? random.int(-3, 2) : random.int(0, 2),
    num_weight_bits: 8,
    sign_mode: "mixed",
    decay_u: random.pick([4095, 2048, 700]),
    decay_v: random.pick([0, 300, 2048]),
    vth_mant: random.int(50, 300),
    bias_mant: `bias${i}.npy`,
    bias_exp: random.int(0, 3),
    refractory: tool === "lava" ? 1 : random.int(1, 3),
    delay: tool === "brian2" ? random.int(0, 3) : 0,
    ...(tool === "nengo" ? { vmin: -8388607, vmax: 8388607 } : {}),
  }));
  const weights = layers.map(({ n_in, n_out }) => list(n_out, () => list(n_in, () => 2 * random.int(-10, 110))));
  // Both signs, so that lava takes the format for a mixed one.
  for (const rows of weights) [rows[0]![0], rows[0]![1]] = [-2, 2];
  const biases = layers.map(({ n_out }) => list(n_out, () => (tool === "brian2" ? 0 : random.int(-30, 60))));
  const input = list(T, () => list(sizes[0]!, () => (random.chance(0.4) ? 1 : 0)));
  const config = { name: `${tool}-${seed}`, tool, T, layers };
  return simulate({ config, weights, biases, input, u: [], v: [], s: [] });
}

function simulate(files: NeuronCaseFiles): NeuronCaseFiles {
  const { config, weights, biases, input } = files;
  const brian2 = config.tool === "brian2";
  for (const [i, layer] of config.layers.entries()) {
    const source = i === 0 ? input : files.s[i - 1]!;
    const delay = brian2 ? layer.delay + (i === 0 ? 0 : 1) : 1;
    const [u, v, s] = [
      list(config.T, (): number[] => []),
      list(config.T, (): number[] => []),
      list(config.T, (): number[] => []),
    ];
    for (let n = 0; n < layer.n_out; n++) {
      let [un, vn, lastSpike] = [0, 0, -Infinity];
      for (let t = 0; t < config.T; t++) {
        const spikes = source[t - delay] ?? [];
        const sum = spikes.reduce((total, spike, from) => total + spike * weights[i]![n]![from]!, 0);
        un = towardZero(un, 4096 - layer.decay_u - (brian2 ? 0 : 1)) + Math.floor(sum * 2 ** layer.weight_exp) * 64;
        const held = t - lastSpike < layer.refractory;
        vn = held ? 0 : towardZero(vn, 4096 - layer.decay_v) + un + biases[i]![n]! * 2 ** layer.bias_exp;
        const spike = vn > layer.vth_mant * 64;
        if (spike) [vn, lastSpike] = [0, t];
        u[t]!.push(un);
        v[t]!.push(vn);
        s[t]!.push(spike ? 1 : 0);
      }
    }
    files.u.push(u);
    files.v.push(v);
    files.s.push(s);
  }
  return files;
}

/** Writes a case folder in the layout of the recorded ones. */
export function writeNeuronCase(folder: string, files: NeuronCaseFiles): string {
  const { config } = files;
  mkdirSync(folder, { recursive: true });
  const write = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(folder, name), bytes);
  const integers = (shape: readonly number[], values: readonly number[]): Uint8Array =>
    writeNpy({ dtype: "i32", shape, data: Int32Array.from(values) });
  write("config.json", JSON.stringify(config));
  write(
    "input.npy",
    writeNpy({ dtype: "u8", shape: [config.T, config.layers[0]!.n_in], data: Uint8Array.from(files.input.flat()) }),
  );
  const arrays: Record<string, Uint8Array> = {};
  for (const [i, { n_in, n_out }] of config.layers.entries()) {
    write(`w${i}.npy`, integers([n_out, n_in], files.weights[i]!.flat()));
    write(`bias${i}.npy`, integers([n_out], files.biases[i]!));
    for (const state of ["u", "v", "s"] as const)
      arrays[`${state}${i}.npy`] = integers([config.T, n_out], files[state][i]!.flat());
  }
  write("expect.npz", zipSync(arrays));
  return folder;
}
