import { TOKEN_CUES, type FieldsOf, type InstructionFor } from "../../../../backends/program/instruction.js";
import { exp } from "../../../../math/exp.js";
import { tooManyTokens } from "../../../diagnostics.js";
import type { RoundWork } from "../work.js";
import type { Chip } from "./chip.js";

/* Vector instructions that select tokens. */

/** Multiplications of SPARTA's score: three exponentials of 13 steps, and three products. */
const SPARTA_MACS = 42;

/** Whether the neuron `channel` of a token spikes `t` timesteps after the start of a decision. */
type SpikeAt = (token: number, channel: number, t: number) => boolean;

/** Reads a map in groups of P timesteps, of which the decision begins at `bit`. */
function mapReader(
  input: number,
  groupStride: number,
  f: { readonly bit: number; readonly blocks: number },
  { lanes, parallel, memories }: Chip,
): SpikeAt {
  const { u8, wordBytes } = memories.spike;
  return (token, channel, t) => {
    const step = (f.bit + t) % parallel;
    const group = (f.bit + t - step) / parallel;
    const lane = channel % lanes;
    const word = input + group * groupStride + token * f.blocks + (channel - lane) / lanes;
    return ((u8[word * wordBytes + (step * lanes) / 8 + (lane >> 3)]! >> (lane & 7)) & 1) === 1;
  };
}

/** Writes one score per token, for each timestep that they hold for; unused lanes are 0. */
function writeScores(
  f: FieldsOf<"score-tokens"> | FieldsOf<"score-kv">,
  score: (token: number) => number,
  { lanes, memories }: Chip,
): void {
  const scores = new Float32Array(lanes);
  for (let from = 0; from < f.positions; from += lanes) {
    scores.fill(0);
    for (let token = from; token < Math.min(from + lanes, f.positions); token++) scores[token - from] = score(token);
    for (let i = 0; i < f.copies; i++) {
      memories.data.f32.set(scores, (f.output + i * f.outputStepStride) * lanes + from);
    }
  }
}

export function scoreTokens({ layer, fields: f }: InstructionFor<"score-tokens">, chip: Chip): void {
  const { lanes, counters } = chip;
  const cue = TOKEN_CUES[f.cue];
  const spikes = mapReader(f.input, f.groupStride, f, chip);
  writeScores(
    f,
    (token) => {
      let [total, firsts, intervals] = [0, 0, 0];
      for (let c = 0; c < f.channels; c++) {
        let [count, first, last] = [0, f.timesteps, 0];
        for (let t = 0; t < f.timesteps; t++) {
          if (!spikes(token, c, t)) continue;
          if (count++ === 0) first = t;
          last = t;
        }
        total += count;
        firsts += first;
        intervals += count < 2 ? f.timesteps : (last - first) / (count - 1);
      }
      const meanFirst = firsts / (f.channels * f.timesteps);
      const meanInterval = intervals / f.channels;
      if (cue === "first-spike") return 0 - meanFirst;
      if (cue === "interval") return 0 - meanInterval;
      if (cue !== "sparta") return total;
      const rate = total / (f.channels * f.timesteps);
      return (exp(-f.alpha * meanFirst) * exp(-f.beta * meanInterval)) / (1 + exp(-f.gamma * rate));
    },
    chip,
  );
  const blocks = f.positions * f.blocks;
  const timing = cue === "rate" ? 0 : 2 * blocks * lanes;
  counters.add(layer, "add", f.firstStep, blocks * f.timesteps * lanes + timing);
  if (cue === "interval" || cue === "sparta") counters.add(layer, "mac", f.firstStep, blocks * lanes);
  if (cue === "sparta") counters.add(layer, "mac", f.firstStep, f.positions * SPARTA_MACS);
}

export function scoreKv({ layer, fields: f }: InstructionFor<"score-kv">, chip: Chip): void {
  const { lanes, counters } = chip;
  const keys = mapReader(f.keys, f.keyGroupStride, f, chip);
  const values = mapReader(f.values, f.valueGroupStride, f, chip);
  const heads = f.channels / f.headDim;
  const spikesOf = (read: SpikeAt, token: number, head: number, t: number): number => {
    let count = 0;
    for (let c = head * f.headDim; c < (head + 1) * f.headDim; c++) if (read(token, c, t)) count++;
    return count;
  };
  writeScores(
    f,
    (token) => {
      let total = 0;
      for (let t = 0; t < f.timesteps; t++) {
        for (let h = 0; h < heads; h++) total += spikesOf(keys, token, h, t) * spikesOf(values, token, h, t);
      }
      return total;
    },
    chip,
  );
  counters.add(layer, "add", f.firstStep, f.positions * f.timesteps * 2 * f.blocks * lanes);
  counters.add(layer, "mac", f.firstStep, f.positions * f.timesteps * heads);
}

/**
 * Marks the tokens with the largest scores, the lower one of equals; other bits of the words stay. Beyond the floor a token must
 * reach the share; how many rounds that takes depends on the scores.
 */
export function topK({ layer, fields: f }: InstructionFor<"top-k">, chip: Chip): RoundWork {
  const { lanes, parallel, memories, counters } = chip;
  const { u8, wordBytes } = memories.spike;
  const words = Math.ceil(f.tokens / lanes);
  const scores = memories.data.f32.subarray(f.scores * lanes, f.scores * lanes + f.tokens);
  const strict = f.strict === 1 && f.keep < f.tokens;
  const shares = f.floor < f.keep || strict;
  const kept = new Uint8Array(words * lanes);
  let [rounds, found, most] = [0, 0, 0];
  const least = scores.reduce((a, b) => Math.min(a, b), Infinity);
  for (let more = true; more;) {
    const best = largest(scores, kept);
    if (rounds++ === 0) most = scores[best]!;
    if (shares && found >= f.floor && !(scores[best]! - least >= f.share * (most - least))) break;
    if (found === f.keep) throw tooManyTokens(f);
    kept[best] = 1;
    found++;
    more = found < f.keep || strict;
  }

  for (let t = 0; t < f.timesteps; t++) {
    const step = (f.bit + t) % parallel;
    const group = (f.bit + t - step) / parallel;
    for (let i = 0; i < (words * lanes) / 8; i++) {
      const word = f.output + group * f.groupStride + Math.floor((8 * i) / lanes);
      let byte = 0;
      for (let l = 0; l < 8; l++) byte |= kept[8 * i + l]! << l;
      u8[word * wordBytes + (step * lanes) / 8 + (i % (lanes / 8))] = byte;
    }
  }
  const tests = shares ? Math.max(0, rounds - f.floor) : 0;
  const smallest = shares ? 1 : 0;
  counters.add(layer, "compare", f.firstStep, (rounds + smallest) * words * lanes + tests);
  counters.add(layer, "add", f.firstStep, smallest + tests);
  counters.add(layer, "mac", f.firstStep, smallest);
  return { rounds };
}

/** The token with the largest score that is not marked, the first of equals. */
function largest(scores: Float32Array, marked: Uint8Array): number {
  let best = -1;
  for (let token = 0; token < scores.length; token++) {
    if (marked[token] === 1) continue;
    if (best < 0 || scores[token]! > scores[best]!) best = token;
  }
  return best;
}

export function maskTokens(
  { layer, fields: f }: InstructionFor<"mask-tokens">,
  { lanes, memories, counters }: Chip,
): void {
  const { u8, wordBytes } = memories.spike;
  const stepBytes = lanes / 8;
  for (let p = 0; p < f.positions; p++) {
    const token = f.token + p;
    const lane = token % lanes;
    const mask = (f.mask + Math.floor(token / lanes)) * wordBytes + (lane >> 3);
    for (let b = 0; b < f.blocks; b++) {
      const word = p * f.blocks + b;
      const [from, to] = [(f.a + word) * wordBytes, (f.output + word) * wordBytes];
      for (let step = 0; step < wordBytes; step += stepBytes) {
        const keeps = (u8[mask + step]! >> (lane & 7)) & 1;
        for (let i = step; i < step + stepBytes; i++) u8[to + i] = keeps * u8[from + i]!;
      }
    }
  }
  counters.addSteps(layer, "bit", f, f.positions * f.blocks * lanes);
}

/** Words are copied or cleared whatever they hold, so one view serves both formats; in the order of the machine, as output may overlap a. */
export function maskData({ layer, fields: f }: InstructionFor<"mask-data">, { lanes, memories, counters }: Chip): void {
  const { u8, wordBytes } = memories.spike;
  const { i32 } = memories.data;
  const words = f.positions * f.blocks;
  for (let s = 0; s < f.steps; s++) {
    for (let w = 0; w < words; w++) {
      const token = f.token + Math.floor(w / f.blocks);
      const lane = token % lanes;
      const mask = (f.mask + Math.floor(token / lanes)) * wordBytes + (s * lanes) / 8 + (lane >> 3);
      const from = (f.a + s * f.aStepStride + w) * lanes;
      const to = (f.output + s * f.outputStepStride + w) * lanes;
      if (((u8[mask]! >> (lane & 7)) & 1) === 1) i32.copyWithin(to, from, from + lanes);
      else i32.fill(0, to, to + lanes);
    }
  }
  counters.addSteps(layer, "bit", f, words * lanes);
}
