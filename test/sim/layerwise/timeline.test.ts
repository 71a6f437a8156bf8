import { describe, expect, it } from "vitest";
import type { Instruction } from "../../../src/backends/program/instruction.js";
import type { Program } from "../../../src/backends/program/program.js";
import type { LayerwiseChip } from "../../../src/chips/index.js";
import { firstBurstProgram } from "./event/first-burst.js";
import { instruction, SMALL, spikeWords, timeline } from "../support.js";

/* The three timelines of docs/layerwise-chip.md, section 6, worked out by hand. */

function program(chip: LayerwiseChip, weights: Uint8Array, instructions: Instruction[], tokens = 8): Program {
  const layers = [{ name: "layer", kind: "test", recorded: false, positions: 1, channels: 8 }];
  const rest = { inputs: [], outputs: [], tokens, dramBytes: 4096, notes: [] };
  return { name: "timeline", target: "layerwise", chip, timesteps: 2, layers, instructions, weights, ...rest };
}

function withDram(change: Partial<LayerwiseChip["dram"]>): LayerwiseChip {
  return { ...SMALL, dram: { ...SMALL.dram, ...change } };
}

describe("load, accumulate, fire", () => {
  const run = (chip: LayerwiseChip) => {
    const weights = new Uint8Array(512);
    weights.set(spikeWords(chip, [[[1, 1]], [[0, 1]]]));
    return timeline(
      program(chip, weights, [
        instruction("load", { memory: 0, words: 1, dram: 0 }, { signals: [0] }),
        instruction("load", { memory: 1, words: 5, dram: 32 }, { signals: [1] }),
        instruction(
          "accumulate",
          { channels: 2, weights: 3, parameters: 0, lanesUsed: 8, steps: 2, outputStepStride: 1 },
          { waits: [0, 1], signals: [2] },
        ),
        instruction("fire", { slots: 2, currentStepStride: 1, lanesUsed: 8, steps: 2, vTh: 1, a: 2 }, { waits: [2] }),
      ]),
    );
  };

  it("takes the 34 cycles of the table", () => {
    const { result, lines } = run(SMALL);
    expect(result.cycles).toBe(34);
    expect(lines["load"]).toBe("qbbddddbbbbbbdbbbbddb" + "i".repeat(13));
    expect(lines["accumulate"]).toBe("qqq" + "t".repeat(18) + "bbbbbbbbbiiii");
    expect(lines["fire"]).toBe("qqqq" + "t".repeat(26) + "bbbb");
    for (const name of ["attend", "vector", "store"]) expect(lines[name]).toBe("qqqq" + "i".repeat(30));
  });

  it.each([1, 2, 7])("takes 3 cycles more per cycle of DRAM latency (+%i)", (k) => {
    expect(run(withDram({ latencyCycles: 4 + k })).result.cycles).toBe(34 + 3 * k);
  });

  it.each([0, 3])("with five bursts under way takes 2 cycles less, and 2 more per cycle of latency (+%i)", (k) => {
    expect(run(withDram({ latencyCycles: 4 + k, outstanding: 5 })).result.cycles).toBe(32 + 2 * k);
  });
});

describe("scanner, FIFO and adder", () => {
  const run = (fifoDepth: number) => {
    const chip = { ...SMALL, fifoDepth };
    const channels = [1, 1, 1, 0, 0, 0, 0, 0, ...Array(8).fill(0), 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const weights = spikeWords(chip, [[channels], [channels]]);
    const accumulate = { blocks: 4, channels: 32, weights: 3, lanesUsed: 8, steps: 2, outputStepStride: 1 };
    const { result, lines } = timeline(
      program(chip, weights, [
        instruction("load", { memory: 0, words: 4 }, { signals: [0] }),
        instruction("accumulate", accumulate, { waits: [0] }),
      ]),
    );
    return { busy: lines["accumulate"]!.lastIndexOf("b") - lines["accumulate"]!.indexOf("b") + 1, result };
  };

  it.each([
    [1, 16],
    [2, 13],
    [3, 13],
  ])("with FIFO depth %i takes %i cycles from issue to end", (depth, cycles) => {
    const { busy, result } = run(depth);
    expect(busy).toBe(cycles);
    expect(result.layers[0]!.events.row[0]).toBe(6);
    expect([...result.layers[0]!.events.ac]).toEqual([48, 48]);
  });
});

describe("two engines on one bank", () => {
  const run = (banks: number, ports: number) => {
    const chip = { ...SMALL, memories: { ...SMALL.memories, data: { bytes: 65536, banks, ports } } };
    const { lines } = timeline(
      program(chip, new Uint8Array(0), [
        instruction("load", { memory: 0, words: 1 }, { signals: [0, 1] }),
        instruction("fire", { positions: 2, currentStride: 2, lanesUsed: 8, vTh: 1, a: 2 }, { waits: [0] }),
        instruction("add", { a: 9, b: 17, words: 2, output: 33 }, { waits: [1] }),
      ]),
    );
    const from = lines["fire"]!.indexOf("b");
    return [lines["fire"]!.slice(from), lines["vector"]!.slice(from)];
  };

  it("lets fire go first and vector wait for the port", () => {
    expect(run(1, 1)).toEqual(["bbbbbiiii", "bpbpbbbbb"]);
  });

  it("has no collision with two ports, or with words in two banks", () => {
    expect(run(1, 2)).toEqual(["bbbbbii", "bbbbbbb"]);
    expect(run(2, 1)).toEqual(["bbbbbii", "bbbbbbb"]);
  });
});

describe("store and load that ask for the first burst in one cycle", () => {
  it("get it in the order load, store", () => {
    const { lines } = timeline(firstBurstProgram());
    // Store issues in 1 and reads in 2, load issues in 2; both ask in 3. The load's burst arrives in 3 + 1 + 4.
    expect(lines["store"]).toBe("qbbdbiiii");
    expect(lines["load"]).toBe("qqbbddddb");
  });
});
