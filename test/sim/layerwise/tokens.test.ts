import { describe, expect, it } from "vitest";
import { TOKEN_CUES } from "../../../src/backends/program/instruction.js";
import { checkInstruction } from "../../../src/backends/program/check.js";
import type { LayerwiseChip } from "../../../src/chips/index.js";
import { evaluate, everyStep, flatten, NetBuilder, REAL, SPIKE, type AttrValue } from "../../../src/ir/index.js";
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
/** The mask of `tokens.top-share` in the IR. */
function topShare(scores: readonly number[], attrs: Record<string, AttrValue>): number[] {
  const builder = new NetBuilder("op");
  const x = builder.input("x", { number: REAL, time: everyStep(1), shape: [scores.length] });
  builder.output("y", builder.op("tokens.top-share", [x], { attrs }));
  return [...flatten(evaluate(builder.finish(), new Map([["x", scores]])).outputs.get("y") ?? [])];
}

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

  /** Runs a top-k over `scores`, and checks which bits it writes. */
  function selects(scores: number[], fields: Record<string, number>, mask: readonly number[]) {
    const before = tensor(groups * parallel, 1, positions, () => r(2));
    const rules = { tokens: positions, bit, timesteps, groupStride: rows, ...fields };
    const { read, result } = runSerial({
      chip,
      timesteps,
      words: [{ memory: "data", address: 0, bytes: dataWords(chip, [[scores]], "real") }, spikes(0, before)],
      instructions: [instruction("top-k", rules)],
      read: [{ memory: "spike", address: 0, words: groups * rows }],
    });
    const bytes = read[0]!.length / groups;
    for (let g = 0; g < groups; g++) {
      const got = spikeMap(chip, read[0]!.slice(g * bytes, (g + 1) * bytes), parallel, 1, positions);
      for (let t = 0; t < parallel; t++) {
        const at = g * parallel + t;
        const inside = at >= bit && at < bit + timesteps;
        expect(got[t]?.[0]).toEqual(inside ? mask : before[at]?.[0]);
      }
    }
    return result;
  }

  it("top-k writes the bits of its timesteps and no others, ties to the lower token", () => {
    const scores = Array.from({ length: positions }, () => r(4) - 2);
    const keep = 1 + r(positions);
    const order = scores.map((_, n) => n).sort((a, b) => scores[b]! - scores[a]! || a - b);
    const mask = scores.map((_, n) => Number(order.indexOf(n) < keep));
    const result = selects(scores, { keep, floor: keep }, mask);
    expect(result.engines.vector.busy).toBe(1 + keep * rows + groups * rows);
    const { compare, add, mac } = result.layers[0]!.events;
    expect([compare[0], add[0], mac[0]]).toEqual([keep * rows * lanes, 0, 0]);
  });

  it("top-k ends with the first token beyond the floor that does not reach the share, or at the capacity", () => {
    for (const share of [0, 0.25, 0.5, 1]) {
      const scores = Array.from({ length: positions }, () => (r(9) - 6) / 4);
      const keep = 1 + r(positions);
      const floor = 1 + r(keep);
      const mask = topShare(scores, { share, floor, capacity: keep, overflow: "keep-best" });
      const kept = mask.reduce((a, b) => a + b, 0);
      const result = selects(scores, { keep, floor, share }, mask);
      // A round that finds no token worth keeping was run as well.
      const rounds = kept < keep ? kept + 1 : kept;
      expect(result.engines.vector.busy).toBe(1 + rounds * rows + groups * rows);
      const shares = floor < keep;
      const tests = rounds - floor;
      const { compare, add, mac } = result.layers[0]!.events;
      expect(compare[0]).toBe((rounds + Number(shares)) * rows * lanes + tests);
      expect([add[0], mac[0]]).toEqual([tests + Number(shares), Number(shares)]);
    }
  });

  it("a strict top-k stops the run where one token more than its capacity reaches the share", () => {
    const scores = Array.from({ length: positions }, (_, n) => -n);
    const reach = 1 + r(positions - 1);
    // Scores 0, -1, ..: the first `reach` tokens come at least this far.
    const share = (positions - reach) / (positions - 1);
    const rule = { share, floor: 1, capacity: reach, overflow: "error" };
    selects(scores, { keep: reach, floor: 1, share, strict: 1 }, topShare(scores, rule));
    if (reach === 1) return;
    const less = { keep: reach - 1, floor: 1, share, strict: 1 };
    expect(() => selects(scores, less, [])).toThrow(`more than ${reach - 1} of ${positions} tokens`);
    expect(() => topShare(scores, { ...rule, capacity: reach - 1 })).toThrow(`${reach} of ${positions} tokens`);
  });

  it.each(["real", "int"] as const)("mask-data keeps the %s words of kept tokens, timestep by timestep", (format) => {
    const token = r(lanes);
    const steps = 1 + r(parallel);
    const held = r(2);
    const a = tensor(held === 1 ? 1 : steps, positions, channels, () => r(100) - 50);
    const mask = tensor(parallel, 1, token + positions, () => r(2));
    const { read, result } = runSerial({
      chip,
      timesteps,
      words: [
        { memory: "data", address: 0, bytes: dataWords(chip, a, format) },
        { memory: "spike", address: 0, bytes: spikeWords(chip, mask) },
      ],
      instructions: [
        instruction("mask-data", {
          positions,
          blocks,
          token,
          aStepStride: held === 1 ? 0 : map,
          output: a.length * map,
          outputStepStride: map,
          steps,
        }),
      ],
      read: [{ memory: "data", address: a.length * map, words: steps * map }],
    });
    const kept = Array.from({ length: steps }, (_, t) =>
      a[held === 1 ? 0 : t]!.map((row, p) => row.map((x) => (mask[t]![0]![token + p] === 1 ? x : 0))),
    );
    expect(dataMap(chip, read[0]!, steps, positions, channels, format)).toEqual(kept);
    expect(result.engines.vector.busy).toBe(1 + 3 * steps * map);
    expect(Array.from({ length: steps }, (_, t) => result.layers[0]!.events.bit[t])).toEqual(
      Array.from({ length: steps }, () => map * lanes),
    );
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
    ["keeps more than it may", instruction("top-k", { tokens: 4, keep: 2, floor: 3 }), "at least 3 and at most 2"],
    ["has no share", instruction("top-k", { tokens: 4, share: 1.5 }), "a share of 1.5"],
    ["leaves the data memory", instruction("mask-data", { positions: 2 ** 20 }), "data words"],
    ["begins behind a word", instruction("top-k", { tokens: 4, bit: SMALL.parallelTimesteps }), "begins at timestep"],
    ["has too many channels", instruction("score-tokens", { channels: 99 }), "99 channels in 1 blocks"],
    ["has heads that do not divide", instruction("score-kv", { channels: 8, headDim: 3 }), "heads of 3"],
    ["leaves the memory", instruction("mask-tokens", { positions: 2 ** 20 }), "spike words"],
  ])("one that %s is refused", (_, wrong, message) => {
    const program = serialProgram({ instructions: [wrong] });
    expect(checkInstruction(wrong, program)?.message).toContain(message);
  });
});
