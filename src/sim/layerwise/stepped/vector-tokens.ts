import { TOKEN_CUES, type FieldsOf, type InstructionFor } from "../../../backends/program/instruction.js";
import { exp } from "../../../math/exp.js";
import { tooManyTokens } from "../../diagnostics.js";
import { ADD, BIT, COMPARE, MAC } from "./counts.js";
import type { Hardware } from "./hardware.js";
import type { VectorOp } from "./vector.js";

/** Vector instructions that select tokens. */
export type TokenInstruction = InstructionFor<"score-tokens" | "score-kv" | "top-k" | "mask-tokens" | "mask-data">;

export function tokenOp(instruction: TokenInstruction, hardware: Hardware): VectorOp {
  const { layer } = instruction;
  switch (instruction.op) {
    case "score-tokens":
      return scoreTokens(instruction.fields, layer, hardware);
    case "score-kv":
      return scoreKv(instruction.fields, layer, hardware);
    case "top-k":
      return topK(instruction.fields, layer, hardware);
    case "mask-tokens":
      return maskTokens(instruction.fields, layer, hardware);
    case "mask-data":
      return maskData(instruction.fields, layer, hardware);
  }
}

/** Multiplications and additions of one `sparta` score: three exponentials of 13 steps, and three products. */
const SPARTA_MACS = 42;

/** The timesteps of a decision that lie in the words of group `g`: from bit `from` to before `end`. */
function bitsOf(f: { bit: number; timesteps: number }, g: number, parallel: number): { from: number; end: number } {
  return { from: Math.max(0, f.bit - g * parallel), end: Math.min(parallel, f.bit + f.timesteps - g * parallel) };
}

/** Items are data words of `lanes` scores; per token the words of each block, group by group. */
function scoreTokens(f: FieldsOf<"score-tokens">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, parallelTimesteps: parallel, memories, counts } = hardware;
  const { u8, wordBytes } = memories.spike;
  const { f32 } = memories.data;
  const cue = TOKEN_CUES[f.cue];
  const groups = Math.ceil((f.bit + f.timesteps) / parallel);
  const perToken = f.blocks * groups;
  const scores = new Float32Array(lanes);
  // Per lane of the block at hand; and the sums of the token at hand.
  const first = new Int32Array(lanes);
  const last = new Int32Array(lanes);
  const spikes = new Int32Array(lanes);
  let [total, firsts, intervals] = [0, 0, 0];
  let base = 0;

  const startBlock = (): void => {
    first.fill(f.timesteps);
    spikes.fill(0);
  };
  const read = (word: number, g: number): void => {
    const { from, end } = bitsOf(f, g, parallel);
    for (let s = from; s < end; s++) {
      const t = g * parallel + s - f.bit;
      for (let l = 0; l < lanes; l++) {
        if (((u8[word * wordBytes + (s * lanes) / 8 + (l >> 3)]! >> (l & 7)) & 1) === 0) continue;
        if (spikes[l] === 0) first[l] = t;
        last[l] = t;
        spikes[l] = spikes[l]! + 1;
      }
      counts.add(layer, ADD, f.firstStep, lanes);
    }
  };
  const endBlock = (block: number): void => {
    const used = Math.min(lanes, f.channels - block * lanes);
    for (let l = 0; l < used; l++) {
      total += spikes[l]!;
      firsts += first[l]!;
      intervals += spikes[l]! < 2 ? f.timesteps : (last[l]! - first[l]!) / (spikes[l]! - 1);
    }
    if (cue === "rate") return;
    counts.add(layer, ADD, f.firstStep, 2 * lanes);
    if (cue !== "first-spike") counts.add(layer, MAC, f.firstStep, lanes);
  };
  const score = (): number => {
    const meanFirst = firsts / (f.channels * f.timesteps);
    const meanInterval = intervals / f.channels;
    switch (cue) {
      case "first-spike":
        return 0 - meanFirst;
      case "interval":
        return 0 - meanInterval;
      case "sparta": {
        counts.add(layer, MAC, f.firstStep, SPARTA_MACS);
        const rate = total / (f.channels * f.timesteps);
        return (exp(-f.alpha * meanFirst) * exp(-f.beta * meanInterval)) / (1 + exp(-f.gamma * rate));
      }
      default:
        return total;
    }
  };

  return {
    from: "spike",
    to: "data",
    items: Math.ceil(f.positions / lanes),
    reads: 0,
    writes: f.copies,
    begin(item) {
      base = item * lanes;
      this.reads = Math.min(lanes, f.positions - base) * perToken;
      scores.fill(0);
    },
    readWord(i) {
      const token = base + Math.floor(i / perToken);
      const block = Math.floor((i % perToken) / groups);
      return f.input + (i % groups) * f.groupStride + token * f.blocks + block;
    },
    take(i, word) {
      const within = i % perToken;
      const g = i % groups;
      const block = Math.floor(within / groups);
      if (within === 0) total = firsts = intervals = 0;
      if (g === 0) startBlock();
      read(word, g);
      if (g === groups - 1) endBlock(block);
      if (within === perToken - 1) scores[Math.floor(i / perToken)] = score();
    },
    writeWord: (i) => f.output + i * f.outputStepStride + base / lanes,
    give: (_, word) => f32.set(scores, word * lanes),
  };
}

/** Items are data words of `lanes` scores; per token and group the words of k, then those of v. */
function scoreKv(f: FieldsOf<"score-kv">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, parallelTimesteps: parallel, memories, counts } = hardware;
  const { u8, wordBytes } = memories.spike;
  const { f32 } = memories.data;
  const groups = Math.ceil((f.bit + f.timesteps) / parallel);
  const heads = f.channels / f.headDim;
  const perGroup = 2 * f.blocks;
  const perToken = groups * perGroup;
  const scores = new Float32Array(lanes);
  /** Spikes of k and v by timestep of the group and head. */
  const sums = [new Int32Array(parallel * heads), new Int32Array(parallel * heads)] as const;
  let total = 0;
  let base = 0;

  const read = (word: number, block: number, g: number, into: Int32Array): void => {
    const { from, end } = bitsOf(f, g, parallel);
    const used = Math.min(lanes, f.channels - block * lanes);
    for (let s = from; s < end; s++) {
      for (let l = 0; l < used; l++) {
        const at = s * heads + Math.floor((block * lanes + l) / f.headDim);
        into[at] = into[at]! + ((u8[word * wordBytes + (s * lanes) / 8 + (l >> 3)]! >> (l & 7)) & 1);
      }
      counts.add(layer, ADD, f.firstStep, lanes);
    }
  };
  const endGroup = (g: number): void => {
    const { from, end } = bitsOf(f, g, parallel);
    for (let i = from * heads; i < end * heads; i++) total += sums[0][i]! * sums[1][i]!;
    counts.add(layer, MAC, f.firstStep, (end - from) * heads);
    for (const sum of sums) sum.fill(0);
  };

  return {
    from: "spike",
    to: "data",
    items: Math.ceil(f.positions / lanes),
    reads: 0,
    writes: f.copies,
    begin(item) {
      base = item * lanes;
      this.reads = Math.min(lanes, f.positions - base) * perToken;
      scores.fill(0);
    },
    readWord(i) {
      const g = Math.floor((i % perToken) / perGroup);
      const block = i % f.blocks;
      const at = (base + Math.floor(i / perToken)) * f.blocks + block;
      return i % perGroup < f.blocks ? f.keys + g * f.keyGroupStride + at : f.values + g * f.valueGroupStride + at;
    },
    take(i, word) {
      const within = i % perToken;
      const g = Math.floor(within / perGroup);
      if (within === 0) total = 0;
      read(word, i % f.blocks, g, sums[i % perGroup < f.blocks ? 0 : 1]);
      if (i % perGroup === perGroup - 1) endGroup(g);
      if (within === perToken - 1) scores[Math.floor(i / perToken)] = total;
    },
    writeWord: (i) => f.output + i * f.outputStepStride + base / lanes,
    give: (_, word) => f32.set(scores, word * lanes),
  };
}

/**
 * Rounds over all scores, each finding the largest that no round has found; then the mask's words, group by group. There are
 * `keep` rounds, or as many as tokens beyond the floor reach the share: the first that does not ends them.
 */
function topK(f: FieldsOf<"top-k">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, parallelTimesteps: parallel, memories, counts } = hardware;
  const { u8, wordBytes } = memories.spike;
  const { f32 } = memories.data;
  const words = Math.ceil(f.tokens / lanes);
  const groups = Math.ceil((f.bit + f.timesteps) / parallel);
  const kept = new Uint8Array(words * lanes);
  const count = (event: number, n: number): void => counts.add(layer, event, f.firstStep, n);
  /** Whether any token may have to reach the share; else the smallest score is of no interest. */
  const strict = f.strict === 1 && f.keep < f.tokens;
  const shares = f.floor < f.keep || strict;
  let found = 0;
  let best = -1;
  let [largest, most, least] = [0, 0, 0];

  const reaches = (): boolean => {
    count(ADD, 1);
    count(COMPARE, 1);
    return largest - least >= f.share * (most - least);
  };
  /** Takes the best token of a round, if it may; true where another round follows. */
  const endRound = (): boolean => {
    if (shares && found === 0) {
      most = largest;
      count(ADD, 1);
      count(MAC, 1);
    }
    if (found >= f.floor && shares && !reaches()) return false;
    if (found === f.keep) throw tooManyTokens(f);
    kept[best] = 1;
    found++;
    return found < f.keep || strict;
  };

  return {
    from: "data",
    to: "spike",
    items: 1,
    reads: words,
    writes: groups * words,
    begin() {
      kept.fill(0);
      this.reads = words;
      found = 0;
      least = Infinity;
    },
    readWord: (i) => f.scores + (i % words),
    take(i, word) {
      const first = (i % words) * lanes;
      if (first === 0) best = -1;
      const used = Math.min(lanes, f.tokens - first);
      for (let l = 0; l < used; l++) {
        const value = f32[word * lanes + l]!;
        least = Math.min(least, value);
        if (kept[first + l] === 1 || (best >= 0 && !(value > largest))) continue;
        best = first + l;
        largest = value;
      }
      // The first round looks for the smallest score, too.
      count(COMPARE, shares && found === 0 ? 2 * lanes : lanes);
      if (i % words === words - 1 && endRound()) this.reads += words;
    },
    writeWord: (i) => f.output + Math.floor(i / words) * f.groupStride + (i % words),
    give(i, word) {
      const { from, end } = bitsOf(f, Math.floor(i / words), parallel);
      const first = (i % words) * lanes;
      for (let s = from; s < end; s++) {
        for (let b = 0; b < lanes / 8; b++) {
          let byte = 0;
          for (let l = 0; l < 8; l++) byte |= kept[first + b * 8 + l]! << l;
          u8[word * wordBytes + (s * lanes) / 8 + b] = byte;
        }
      }
    },
  };
}

function maskTokens(f: FieldsOf<"mask-tokens">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, memories, counts } = hardware;
  const { u8, wordBytes } = memories.spike;
  const bits = new Uint8Array(wordBytes);
  let [position, block] = [0, 0];
  return {
    from: "spike",
    to: "spike",
    items: f.positions * f.blocks,
    reads: 2,
    writes: 1,
    begin(item) {
      position = Math.floor(item / f.blocks);
      block = item - position * f.blocks;
    },
    readWord: (i) => (i === 0 ? f.a + position * f.blocks + block : f.mask + Math.floor((f.token + position) / lanes)),
    take(i, word) {
      if (i === 0) {
        bits.set(u8.subarray(word * wordBytes, (word + 1) * wordBytes));
        return;
      }
      const lane = (f.token + position) % lanes;
      const stepBytes = lanes / 8;
      for (let t = 0; t < wordBytes / stepBytes; t++) {
        const keeps = (u8[word * wordBytes + t * stepBytes + (lane >> 3)]! >> (lane & 7)) & 1;
        if (keeps === 0) bits.fill(0, t * stepBytes, (t + 1) * stepBytes);
      }
      counts.addSteps(layer, BIT, f, lanes);
    },
    writeWord: () => f.output + position * f.blocks + block,
    give: (_, word) => u8.set(bits, word * wordBytes),
  };
}

/** Items are output words, timestep by timestep. */
function maskData(f: FieldsOf<"mask-data">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, memories, counts } = hardware;
  const { u8, wordBytes } = memories.spike;
  // Words are copied or cleared whatever they hold, so one view serves both formats.
  const { i32 } = memories.data;
  const values = new Int32Array(lanes);
  const words = f.positions * f.blocks;
  let [step, word, token] = [0, 0, 0];
  return {
    from: "data",
    to: "data",
    items: f.steps * words,
    reads: 2,
    writes: 1,
    fromOf: (i) => (i === 0 ? "data" : "spike"),
    begin(item) {
      step = Math.floor(item / words);
      word = item - step * words;
      token = f.token + Math.floor(word / f.blocks);
    },
    readWord: (i) => (i === 0 ? f.a + step * f.aStepStride + word : f.mask + Math.floor(token / lanes)),
    take(i, at) {
      if (i === 0) {
        values.set(i32.subarray(at * lanes, (at + 1) * lanes));
        return;
      }
      const lane = token % lanes;
      const keeps = (u8[at * wordBytes + (step * lanes) / 8 + (lane >> 3)]! >> (lane & 7)) & 1;
      if (keeps === 0) values.fill(0);
      counts.add(layer, BIT, f.firstStep + step, lanes);
    },
    writeWord: () => f.output + step * f.outputStepStride + word,
    give: (_, at) => i32.set(values, at * lanes),
  };
}
