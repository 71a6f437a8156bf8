import type { FieldsOf, InstructionFor } from "../../../backends/program/instruction.js";
import { laneInts, loadBits, nextBit, packBits } from "./bits.js";
import { ADD, BIT } from "./counts.js";
import type { Hardware } from "./hardware.js";
import type { VectorOp } from "./vector.js";
import { Window } from "./window.js";

/** Vector instructions on spike words. */
export type SpikeInstruction = InstructionFor<"pool-or" | "pool-plane" | "and" | "add-planes" | "sum-positions">;

export function spikeOp(instruction: SpikeInstruction, hardware: Hardware): VectorOp {
  const { layer } = instruction;
  switch (instruction.op) {
    case "pool-or":
      return poolOr(instruction.fields, layer, hardware);
    case "pool-plane":
      return poolPlane(instruction.fields, layer, hardware);
    case "and":
      return and(instruction.fields, layer, hardware);
    case "add-planes":
      return addPlanes(instruction.fields, layer, hardware);
    case "sum-positions":
      return sumPositions(instruction.fields, layer, hardware);
  }
}

function poolOr(f: FieldsOf<"pool-or">, layer: number, hardware: Hardware): VectorOp {
  const { u8, wordBytes } = hardware.memories.spike;
  const window = new Window();
  window.start(f);
  const or = new Uint8Array(wordBytes);
  let [position, block] = [0, 0];
  return {
    from: "spike",
    to: "spike",
    items: f.outRows * f.outWidth * f.blocks,
    reads: 0,
    writes: 1,
    begin(item) {
      position = Math.floor(item / f.blocks);
      block = item - position * f.blocks;
      window.place(position);
      this.reads = window.taps();
      or.fill(0);
    },
    readWord: (i) => window.tapWord(i) + block,
    take(i, word) {
      for (let b = 0; b < wordBytes; b++) or[b] = or[b]! | u8[word * wordBytes + b]!;
      if (i > 0) hardware.counts.addSteps(layer, BIT, f, hardware.lanes);
    },
    writeWord: () => f.output + position * f.outputStride + block,
    give: (_, word) => u8.set(or, word * wordBytes),
  };
}

function and(f: FieldsOf<"and">, layer: number, hardware: Hardware): VectorOp {
  const { u8, wordBytes } = hardware.memories.spike;
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
      bits.fill(255);
    },
    readWord: (i) => (i === 0 ? f.a + position * f.blocks : f.b + position * f.bStride) + block,
    take(i, word) {
      for (let b = 0; b < wordBytes; b++) bits[b] = bits[b]! & u8[word * wordBytes + b]!;
      if (i > 0) hardware.counts.addSteps(layer, BIT, f, hardware.lanes);
    },
    writeWord: () => f.output + position * f.blocks + block,
    give: (_, word) => u8.set(bits, word * wordBytes),
  };
}

/** Ripple-carry addition of counts, a bit plane at a time; every bit of a word is a counter of its own. */
function addPlanes(f: FieldsOf<"add-planes">, layer: number, hardware: Hardware): VectorOp {
  const { u8, wordBytes } = hardware.memories.spike;
  const planes = Math.max(f.aPlanes, f.bPlanes) + 1;
  const a = new Uint8Array(planes * wordBytes);
  const b = new Uint8Array(planes * wordBytes);
  const carry = new Uint8Array(wordBytes);
  let word = 0;
  return {
    from: "spike",
    to: "spike",
    items: f.words,
    reads: f.aPlanes + f.bPlanes,
    writes: planes,
    begin(item) {
      word = item;
      a.fill(0);
      b.fill(0);
      carry.fill(0);
    },
    readWord: (i) => (i < f.aPlanes ? f.a + i * f.aPlaneStride : f.b + (i - f.aPlanes) * f.bPlaneStride) + word,
    take(i, from) {
      const bytes = u8.subarray(from * wordBytes, (from + 1) * wordBytes);
      if (i < f.aPlanes) a.set(bytes, i * wordBytes);
      else b.set(bytes, (i - f.aPlanes) * wordBytes);
      if (i > 0) hardware.counts.addSteps(layer, BIT, f, hardware.lanes);
    },
    writeWord: (i) => f.output + i * f.outputPlaneStride + word,
    give(i, to) {
      for (let n = 0; n < wordBytes; n++) {
        const [x, y, c] = [a[i * wordBytes + n]!, b[i * wordBytes + n]!, carry[n]!];
        u8[to * wordBytes + n] = x ^ y ^ c;
        carry[n] = (x & y) | (x & c) | (y & c);
      }
    },
  };
}

/** OR over tokens and channels of a head: each spike read is spread over the channels of the word within its reach. */
function poolPlane(f: FieldsOf<"pool-plane">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, memories } = hardware;
  const { u8, i32, wordBytes } = memories.spike;
  const reach = (f.kernel - 1) / 2;
  const { headDim: d } = f;
  const ints = laneInts(lanes);
  const bits = new Int32Array(ints * f.steps);
  const or = new Uint8Array(wordBytes * 8);
  let [position, block, firstRow, firstBlock, blocks] = [0, 0, 0, 0, 0];
  return {
    from: "spike",
    to: "spike",
    items: f.positions * f.blocks,
    reads: 0,
    writes: 1,
    begin(item) {
      position = Math.floor(item / f.blocks);
      block = item - position * f.blocks;
      firstRow = Math.max(0, position - reach);
      const rows = Math.min(f.positions - 1, position + reach) - firstRow + 1;
      const first = block * lanes;
      const last = Math.min(f.channels, first + lanes) - 1;
      const low = Math.max(first - (first % d), first - reach);
      const high = Math.min(last - (last % d) + d - 1, last + reach);
      firstBlock = Math.floor(low / lanes);
      blocks = Math.floor(high / lanes) - firstBlock + 1;
      this.reads = rows * blocks;
      or.fill(0);
    },
    readWord(i) {
      const row = Math.floor(i / blocks);
      return f.input + (firstRow + row) * f.blocks + firstBlock + i - row * blocks;
    },
    take(i, word) {
      loadBits(u8, i32, word * wordBytes, lanes, f.steps, bits, 0);
      const origin = (firstBlock + (i % blocks)) * lanes;
      const base = block * lanes;
      for (let s = 0; s < f.steps; s++) {
        for (let l = nextBit(bits, s * ints, ints, 0); l >= 0; l = nextBit(bits, s * ints, ints, l + 1)) {
          const channel = origin + l;
          if (channel >= f.channels) break;
          const head = channel - (channel % d);
          const from = Math.max(head, channel - reach, base);
          const to = Math.min(head + d - 1, channel + reach, base + lanes - 1);
          for (let c = from; c <= to; c++) or[s * lanes + c - base] = 1;
        }
      }
      if (i > 0) hardware.counts.addSteps(layer, BIT, f, hardware.lanes);
    },
    writeWord: () => f.output + position * f.blocks + block,
    give: (_, word) => packBits(or, wordBytes, u8, word * wordBytes),
  };
}

function sumPositions(f: FieldsOf<"sum-positions">, layer: number, hardware: Hardware): VectorOp {
  const { lanes, memories } = hardware;
  const { u8, i32: spikes, wordBytes } = memories.spike;
  const { f32, i32 } = memories.data;
  const ints = laneInts(lanes);
  const bits = new Int32Array(ints * f.steps);
  const sums = new Int32Array(lanes * f.steps);
  let block = 0;
  return {
    from: "spike",
    to: "data",
    items: f.blocks,
    reads: f.positions,
    writes: f.steps,
    begin(item) {
      block = item;
      sums.fill(0);
    },
    readWord: (i) => f.input + i * f.blocks + block,
    take(_, word) {
      loadBits(u8, spikes, word * wordBytes, lanes, f.steps, bits, 0);
      for (let s = 0; s < f.steps; s++) {
        for (let l = nextBit(bits, s * ints, ints, 0); l >= 0; l = nextBit(bits, s * ints, ints, l + 1)) {
          sums[s * lanes + l] = sums[s * lanes + l]! + 1;
        }
      }
      hardware.counts.addSteps(layer, ADD, f, hardware.lanes);
    },
    writeWord: (i) => f.output + i * f.outputStepStride + block,
    give(i, word) {
      const counts = sums.subarray(i * lanes, (i + 1) * lanes);
      if (f.format === 1) i32.set(counts, word * lanes);
      else f32.set(counts, word * lanes);
    },
  };
}
