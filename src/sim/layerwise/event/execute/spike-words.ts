import type { InstructionFor } from "../../../../backends/program/instruction.js";
import { planeWindow } from "../plane-window.js";
import { tapsBehindTheFirst } from "../window.js";
import type { Chip } from "./chip.js";
import { mapWindow } from "./windows.js";

/*
 * Vector instructions on spike words: a word's bytes hold one bit per lane, timestep by timestep. An
 * instruction may write what it reads later: words are done in the order of the machine.
 */

export function poolOr({ layer, fields: f }: InstructionFor<"pool-or">, chip: Chip): void {
  const { lanes, parallel, kernels, counters } = chip;
  const { from, wordBytes } = chip.memories.spike;
  kernels.poolOr({
    ...mapWindow(f, from + f.input * wordBytes, lanes),
    timesteps: parallel,
    output: from + f.output * wordBytes,
    positionBytes: f.outputStride * wordBytes,
  });
  counters.addSteps(layer, "bit", f, tapsBehindTheFirst(f) * f.blocks * lanes);
}

export function and({ layer, fields: f }: InstructionFor<"and">, { lanes, memories, counters }: Chip): void {
  const { u8, wordBytes } = memories.spike;
  const width = f.blocks * wordBytes;
  for (let p = 0; p < f.positions; p++) {
    const a = f.a * wordBytes + p * width;
    const b = (f.b + p * f.bStride) * wordBytes;
    const to = f.output * wordBytes + p * width;
    for (let i = 0; i < width; i++) u8[to + i] = u8[a + i]! & u8[b + i]!;
  }
  counters.addSteps(layer, "bit", f, f.positions * f.blocks * lanes);
}

/** Ripple-carry addition of counts, a bit plane at a time; every bit of a word is a counter of its own. */
export function addPlanes(
  { layer, fields: f }: InstructionFor<"add-planes">,
  { lanes, memories, counters }: Chip,
): void {
  const { u8, wordBytes } = memories.spike;
  const planes = Math.max(f.aPlanes, f.bPlanes) + 1;
  const sum = new Uint8Array(planes);
  for (let i = 0; i < f.words * wordBytes; i++) {
    let carry = 0;
    for (let plane = 0; plane < planes; plane++) {
      const a = plane < f.aPlanes ? u8[(f.a + plane * f.aPlaneStride) * wordBytes + i]! : 0;
      const b = plane < f.bPlanes ? u8[(f.b + plane * f.bPlaneStride) * wordBytes + i]! : 0;
      sum[plane] = a ^ b ^ carry;
      carry = (a & b) | (a & carry) | (b & carry);
    }
    for (let plane = 0; plane < planes; plane++) {
      u8[(f.output + plane * f.outputPlaneStride) * wordBytes + i] = sum[plane]!;
    }
  }
  counters.addSteps(layer, "bit", f, f.words * (f.aPlanes + f.bPlanes - 1) * lanes);
}

/** OR over tokens and channels of a head: a spike reaches the channels around its own, within its head. */
export function poolPlane(
  { layer, fields: f }: InstructionFor<"pool-plane">,
  { lanes, memories, counters }: Chip,
): void {
  const { u8, wordBytes } = memories.spike;
  const { headDim: d } = f;
  const reach = (f.kernel - 1) / 2;
  const stepBytes = lanes >> 3;
  const spikes = (position: number, channel: number, step: number): number => {
    const lane = channel % lanes;
    const word = f.input + position * f.blocks + (channel - lane) / lanes;
    return (u8[word * wordBytes + step * stepBytes + (lane >> 3)]! >> (lane & 7)) & 1;
  };
  const out = new Uint8Array(wordBytes);
  for (let p = 0; p < f.positions; p++) {
    for (let b = 0; b < f.blocks; b++) {
      const { firstRow, endRow, firstBlock, endBlock } = planeWindow(f, p, b, lanes);
      out.fill(0);
      for (let s = 0; s < f.steps; s++) {
        for (let l = 0; l < lanes; l++) {
          const channel = b * lanes + l;
          const head = channel - (channel % d);
          const first = Math.max(head, channel - reach);
          const end = Math.min(head + d, channel + reach + 1, f.channels);
          let any = 0;
          for (let row = firstRow; row < endRow && any === 0; row++) {
            for (let c = first; c < end && any === 0; c++) any = spikes(row, c, s);
          }
          const byte = s * stepBytes + (l >> 3);
          out[byte] = out[byte]! | (any << (l & 7));
        }
      }
      u8.set(out, (f.output + p * f.blocks + b) * wordBytes);
      counters.addSteps(layer, "bit", f, ((endRow - firstRow) * (endBlock - firstBlock) - 1) * lanes);
    }
  }
}

export function sumPositions(
  { layer, fields: f }: InstructionFor<"sum-positions">,
  { lanes, memories, counters }: Chip,
): void {
  const { u8, wordBytes } = memories.spike;
  const values = f.format === 1 ? memories.data.i32 : memories.data.f32;
  const stepBytes = lanes >> 3;
  for (let b = 0; b < f.blocks; b++) {
    for (let s = 0; s < f.steps; s++) {
      const to = (f.output + s * f.outputStepStride + b) * lanes;
      for (let l = 0; l < lanes; l++) {
        let sum = 0;
        for (let p = 0; p < f.positions; p++) {
          const byte = (f.input + p * f.blocks + b) * wordBytes + s * stepBytes + (l >> 3);
          sum += (u8[byte]! >> (l & 7)) & 1;
        }
        values[to + l] = sum;
      }
    }
  }
  counters.addSteps(layer, "add", f, f.positions * f.blocks * lanes);
}
