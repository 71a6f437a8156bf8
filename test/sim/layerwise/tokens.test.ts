import { describe, expect, it } from "vitest";
import { TOKEN_CUES } from "../../../src/backends/program/instruction.js";
import { checkInstruction } from "../../../src/backends/program/check.js";
import type { LayerwiseChip } from "../../../src/chips/index.js";
import { evaluate, everyStep, flatten, NetBuilder, SPIKE, type AttrValue } from "../../../src/ir/index.js";
import {
  builtIn,
  dataMap,
  dataWords,
  instruction,
  random,
  runSerial,
  serialProgram,
  SMALL,
  spikeMap,
  spikeWords,
  tensor,
} from "../support.js";

const CHIPS: Record<string, LayerwiseChip> = { small: SMALL, wide: builtIn("layerwise-default") };
const CASES = Object.keys(CHIPS).flatMap((chip) => [1, 2, 3].map((seed) => [chip, seed] as const));

describe.each(CASES)("token instructions on chip %s, seed %i", (name, seed) => {
  const chip = CHIPS[name]!;
  const { lanes, parallelTimesteps: parallel } = chip;
  const r = random(seed);
  const positions = 2 + r(2 * lanes);
  const heads = 1 + r(3);
  const channels = heads * (1 + r(lanes));
  const blocks = Math.ceil(channels / lanes);
  const rows = Math.ceil(positions / lanes);
  const map = positions * blocks;
  // A decision that begins within a group and ends in the next.
  const bit = r(parallel);
  const timesteps = parallel - bit + r(parallel + 1);
  const groups = Math.ceil((bit + timesteps) / parallel);
  const all = (): number[][][] => tensor(groups * parallel, positions, channels, () => Number(r(3) === 0));
  const spikes = (address: number, m: number[][][]) => ({
    memory: "spike" as const,
    address,
    bytes: Buffer.concat(
      Array.from({ length: groups }, (_, g) => spikeWords(chip, m.slice(g * parallel, (g + 1) * parallel))),
    ),
  });
  const decided = (m: number[][][]): number[] => m.slice(bit, bit + timesteps).flat(2);
  const type = { number: SPIKE, time: everyStep(timesteps), shape: [positions, channels] };
  const decision = { positions, blocks, channels, bit, timesteps, copies: 2, outputStepStride: rows };

  /** The op of the IR on the same spikes. */
  function expected(op: string, inputs: readonly number[][][][], attrs: Record<string, AttrValue>): number[] {
    const builder = new NetBuilder("op");
    const operands = inputs.map((_, i) => builder.input(`x${i}`, type));
    builder.output("y", builder.op(op, operands, { attrs }));
    const values = new Map(inputs.map((m, i) => [`x${i}`, decided(m)]));
    return [...flatten(evaluate(builder.finish(), values).outputs.get("y") ?? [])];
  }

  it.each(TOKEN_CUES)("score-tokens, cue %s: one read per word, one write per score word and copy", (cue) => {
    const s = all();
    const weights = { alpha: -1.5, beta: 0.25, gamma: 3 };
    const fields = { ...decision, ...weights, groupStride: map, cue: TOKEN_CUES.indexOf(cue) };
    const { read, result } = runSerial({
      chip,
      timesteps,
      words: [spikes(0, s)],
      instructions: [instruction("score-tokens", fields)],
      read: [{ memory: "data", address: 0, words: 2 * rows }],
    });
    const y = expected("tokens.score", [s], { cue, ...weights });
    expect(dataMap(chip, read[0]!, 2, 1, positions, "real").map(([row]) => row)).toEqual([y, y]);
    expect(result.engines.vector.busy).toBe(1 + groups * map + 2 * rows);
    const timing = cue === "rate" ? 0 : 2 * positions * blocks;
    expect(result.layers[0]!.events.add[0]).toBe((timesteps * map + timing) * lanes);
    const divisions = cue === "interval" || cue === "sparta" ? map * lanes : 0;
    expect(result.layers[0]!.events.mac[0]).toBe(divisions + (cue === "sparta" ? 42 * positions : 0));
  });

  it("score-kv reads k and v of each token", () => {
    const [k, v] = [all(), all()];
    const at = { keys: 0, keyGroupStride: map, values: groups * map, valueGroupStride: map };
    const { read, result } = runSerial({
      chip,
      timesteps,
      words: [spikes(0, k), spikes(groups * map, v)],
      instructions: [instruction("score-kv", { ...decision, ...at, headDim: channels / heads })],
      read: [{ memory: "data", address: rows, words: rows }],
    });
    const y = expected("tokens.relevance", [k, v], { heads });
    expect(dataMap(chip, read[0]!, 1, 1, positions, "real")[0]?.[0]).toEqual(y);
    expect(result.engines.vector.busy).toBe(1 + 2 * groups * map + 2 * rows);
    expect(result.layers[0]!.events.mac[0]).toBe(positions * heads * timesteps);
  });

  it("top-k writes the bits of its timesteps and no others, ties to the lower token", () => {
    const scores = tensor(1, 1, positions, () => r(4) - 2);
    const keep = 1 + r(positions);
    const before = tensor(groups * parallel, 1, positions, () => r(2));
    const words = (m: number[][][]) => ({
      memory: "spike" as const,
      address: 0,
      bytes: Buffer.concat(
        Array.from({ length: groups }, (_, g) => spikeWords(chip, m.slice(g * parallel, (g + 1) * parallel))),
      ),
    });
    const { read, result } = runSerial({
      chip,
      timesteps,
      words: [{ memory: "data", address: 0, bytes: dataWords(chip, scores, "real") }, words(before)],
      instructions: [instruction("top-k", { tokens: positions, keep, bit, timesteps, groupStride: rows })],
      read: [{ memory: "spike", address: 0, words: groups * rows }],
    });
    const row = scores[0]![0]!;
    const order = row.map((_, n) => n).sort((a, b) => row[b]! - row[a]! || a - b);
    const mask = row.map((_, n) => Number(order.indexOf(n) < keep));
    const bytes = read[0]!.length / groups;
    for (let g = 0; g < groups; g++) {
      const got = spikeMap(chip, read[0]!.slice(g * bytes, (g + 1) * bytes), parallel, 1, positions);
      for (let t = 0; t < parallel; t++) {
        const at = g * parallel + t;
        const inside = at >= bit && at < bit + timesteps;
        expect(got[t]?.[0]).toEqual(inside ? mask : before[at]?.[0]);
      }
    }
    expect(result.engines.vector.busy).toBe(1 + keep * rows + groups * rows);
    expect(result.layers[0]!.events.compare[0]).toBe(keep * rows * lanes);
  });

  it("mask-tokens keeps the words of kept tokens, from any token on", () => {
    const token = r(lanes);
    const a = tensor(parallel, positions, channels, () => r(2));
    const mask = tensor(parallel, 1, token + positions, () => r(2));
    const size = Math.ceil((token + positions) / lanes);
    const { read, result } = runSerial({
      chip,
      words: [
        { memory: "spike", address: 0, bytes: spikeWords(chip, a) },
        { memory: "spike", address: map, bytes: spikeWords(chip, mask) },
      ],
      instructions: [
        instruction("mask-tokens", { positions, blocks, mask: map, token, output: map + size, steps: parallel }),
      ],
      read: [{ memory: "spike", address: map + size, words: map }],
    });
    const kept = a.map((step, t) => step.map((row, p) => row.map((x) => x & mask[t]![0]![token + p]!)));
    expect(spikeMap(chip, read[0]!, parallel, positions, channels)).toEqual(kept);
    expect(result.engines.vector.busy).toBe(1 + 3 * map);
    expect(result.layers[0]!.events.bit[0]).toBe(map * lanes);
  });
});

describe("token instructions are checked", () => {
  it.each([
    ["keeps more tokens than there are", instruction("top-k", { tokens: 4, keep: 5 }), "keeps 5 of 4 tokens"],
    ["begins behind a word", instruction("top-k", { tokens: 4, bit: SMALL.parallelTimesteps }), "begins at timestep"],
    ["has too many channels", instruction("score-tokens", { channels: 99 }), "99 channels in 1 blocks"],
    ["has heads that do not divide", instruction("score-kv", { channels: 8, headDim: 3 }), "heads of 3"],
    ["leaves the memory", instruction("mask-tokens", { positions: 2 ** 20 }), "spike words"],
  ])("one that %s is refused", (_, wrong, message) => {
    const program = serialProgram({ instructions: [wrong] });
    expect(checkInstruction(wrong, program)?.message).toContain(message);
  });
});
