import { describe, expect, it } from "vitest";
import type { LayerwiseChip } from "../../../src/chips/index.js";
import { builtIn, dataMap, instruction, random, runSerial, SMALL, spikeWords, tensor } from "../support.js";

const CHIPS: Record<string, LayerwiseChip> = { small: SMALL, wide: builtIn("layerwise-default") };
const CASES = Object.keys(CHIPS).flatMap((chip) => [1, 2, 3, 4, 5, 6].map((seed) => [chip, seed] as const));
const f = Math.fround;

describe.each(CASES)("attend on chip %s, seed %i", (name, seed) => {
  it.each(["exact", "int", "sequential"] as const)(
    "gives Q (K^T V) of every head over a chunk of two groups (%s)",
    (rule) => {
      const chip = CHIPS[name]!;
      const r = random(seed);
      const heads = 1 + r(3);
      const d = 1 + r(name === "small" ? 13 : 90);
      const tokens = 1 + r(5);
      const channels = heads * d;
      const blocks = Math.ceil(channels / chip.lanes);
      const steps = chip.parallelTimesteps;
      const spikes = (): number[][][] => tensor(steps, tokens, channels, () => Number(r(3) === 0));
      const groups = [0, 1].map(() => ({ q: spikes(), k: spikes(), v: spikes() }));
      const map = tokens * blocks;
      const scale = rule === "int" ? 1 : 0.3;
      const common = { blocks, positions: tokens, headDim: d, steps };
      const query = { ...common, scale, sequential: Number(rule === "sequential"), format: Number(rule === "int") };
      const instructions = Array.from({ length: heads }, (_, head) => [
        ...[0, 1].map((g) =>
          instruction("attend-kv", {
            ...common,
            head,
            keys: (3 * g + 1) * map,
            values: (3 * g + 2) * map,
            clear: 1 - g,
            firstStep: g * steps,
          }),
        ),
        ...[0, 1].map((g) =>
          instruction("attend-q", {
            ...query,
            head,
            queries: 3 * g * map,
            output: g * steps * map,
            outputStride: blocks,
            outputStepStride: map,
            firstStep: g * steps,
          }),
        ),
      ]).flat();
      const { read, result } = runSerial({
        chip,
        timesteps: 2 * steps,
        words: groups.flatMap(({ q, k, v }, g) =>
          [q, k, v].map((bits, i) => ({
            memory: "spike" as const,
            address: (3 * g + i) * map,
            bytes: spikeWords(chip, bits),
          })),
        ),
        instructions,
        read: [{ memory: "data", address: 0, words: 2 * steps * map }],
      });
      const out = dataMap(chip, read[0]!, 2 * steps, tokens, channels, rule === "int" ? "int" : "real");
      let kEvents = 0;
      for (let h = 0; h < heads; h++) {
        const counter = tensor(1, d, d, (_, i, j) => {
          let n = 0;
          for (const { k, v } of groups) {
            for (let t = 0; t < steps; t++) {
              for (let p = 0; p < tokens; p++) n += k[t]![p]![h * d + i]! & v[t]![p]![h * d + j]!;
            }
          }
          return n;
        })[0]!;
        groups.forEach(({ q, k }, g) => {
          for (let t = 0; t < steps; t++) {
            for (let p = 0; p < tokens; p++) {
              for (let j = 0; j < d; j++) {
                kEvents += k[t]![p]![h * d + j]!;
                let sum = 0;
                for (let i = 0; i < d; i++) {
                  if (q[t]![p]![h * d + i] === 0) continue;
                  sum = rule === "sequential" ? f(sum + f(counter[i]![j]! * f(scale))) : sum + counter[i]![j]!;
                }
                const expected = rule === "sequential" ? sum : f(sum * scale);
                expect(out[g * steps + t]![p]![h * d + j]).toBe(expected);
              }
            }
          }
        });
      }
      expect(result.layers[0]!.events.kv.reduce((a, b) => a + b)).toBe(kEvents * d);
    },
  );
});

describe("cycles of attend", () => {
  it("are clear, reads, and ceil(d / lanes) per K event, whether or not v has bits", () => {
    // d = 12 on 8 lanes: ceil(144 / 8) = 18 to clear; per token 2 + 2 reads; token 0 has 3 K events of 2 cycles, token 1 none.
    const k = [
      [Array(12).fill(0), Array(12).fill(0)],
      [Array(12).fill(0), Array(12).fill(0)],
    ];
    k[0]![0]![1] = k[0]![0]![11] = k[1]![0]![5] = 1;
    const { result } = runSerial({
      words: [{ memory: "spike", address: 0, bytes: spikeWords(SMALL, k) }],
      instructions: [
        instruction("attend-kv", { keys: 0, values: 8, blocks: 2, positions: 2, headDim: 12, clear: 1, steps: 2 }),
      ],
    });
    expect(result.engines.attend.busy).toBe(1 + 18 + 4 + 6 + 4);
    expect([...result.layers[0]!.events.kv]).toEqual([24, 12]);
  });
});
