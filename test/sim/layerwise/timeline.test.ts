import { describe, expect, it } from "vitest";
import { CHARGE_RULES, type Instruction } from "../../../src/backends/program/instruction.js";
import type { Program } from "../../../src/backends/program/program.js";
import type { LayerwiseChip } from "../../../src/chips/index.js";
import { firstBurstProgram } from "./event/first-burst.js";
import { instruction, joined, narrow, parameterBytes, SMALL, spikeWords, timeline, weightRows } from "../support.js";

/* The timelines of docs/layerwise-chip.md, section 6 (1 to 3), and of docs/layerwise-timelines.md, worked out by hand. */

function program(
  chip: LayerwiseChip,
  weights: Uint8Array,
  instructions: Instruction[],
  outputs: Program["outputs"] = [],
): Program {
  const layers = [0, 1].map((i) => ({ name: `l${i}`, kind: "test", recorded: false, positions: 1, channels: 8 }));
  const rest = { inputs: [], outputs, tokens: 8, dramBytes: 4096, regions: [], notes: [] };
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

/** Letters, each with how often it comes: `line("q", "b3")` is `qbbb`. */
const line = (...runs: string[]): string => runs.map((run) => run[0]!.repeat(Number(run.slice(1) || 1))).join("");

/** Engines without instructions wait with empty queues until the dispatcher is done, in cycle `done` for the first time. */
function expectRest(lines: Record<string, string>, done: number, ...working: string[]): void {
  for (const [name, states] of Object.entries(lines)) {
    if (working.includes(name)) continue;
    expect([name, states]).toEqual([name, line(`q${done}`, `i${states.length - done}`)]);
  }
}

describe("4: store with a partial last burst", () => {
  it("charges each chunk's last burst in full and reads on when the buffer is empty", () => {
    const { result, lines } = timeline(
      program(SMALL, new Uint8Array(0), [
        instruction("store", { memory: 0, words: 17, chunks: 2, stride: 17, dramStride: 64 }),
      ]),
    );
    expect(result.cycles).toBe(40);
    expect(lines["store"]).toBe(line("q", "b39"));
    expectRest(lines, 1, "store");
    const [layer] = result.layers;
    expect([layer!.dramWriteBytes, layer!.accesses.spike]).toEqual([128, { reads: 34, writes: 0 }]);
  });
});

describe("5: half a burst per cycle, load and store in turn", () => {
  const run = (bytes: number) =>
    timeline(
      program(withDram({ bandwidth: { bytes, cycles: 1 } }), new Uint8Array(0), [
        instruction("load", { memory: 1, words: 3 }),
        instruction("store", { memory: 2, words: 3, dram: 1024 }),
      ]),
    );

  it("grants the load first, then the one that was not granted last", () => {
    const { result, lines } = run(16);
    expect(lines["load"]).toBe(line("q", "b2", "d3", "b2", "d2", "b2", "d3", "b"));
    expect(lines["store"]).toBe(line("q2", "b4", "d2", "b2", "d2", "b", "i3"));
    expectRest(lines, 2, "load", "store");
    expect(result.cycles).toBe(16);
  });

  it("with a whole burst per cycle makes the load give way once", () => {
    const { result, lines } = run(32);
    expect(lines["load"]).toBe(line("q", "b3", "d", "b", "d", "b2", "d", "b"));
    expect(lines["store"]).toBe(line("q2", "b7", "i2"));
    expectRest(lines, 2, "load", "store");
    expect(result.cycles).toBe(11);
  });
});

describe("6: multiply", () => {
  it("reads the patch, multiplies what is not zero, writes", () => {
    const map = new Float32Array(64);
    map.set([1, 0, 2], 0);
    map.set([0, 3, 0], 2 * 8);
    map.set([0, 0, 4], 3 * 8);
    const window = { height: 2, width: 2, kernel: 2, channels: 3, weights: 0, parameters: 12 };
    const { result, lines } = timeline(
      program(SMALL, new Uint8Array(map.buffer), [
        instruction("load", { memory: 2, words: 8 }, { signals: [0] }),
        instruction(
          "multiply",
          { ...window, lanesUsed: 8, inputStepStride: 4, slots: 2, steps: 2, output: 100, outputStepStride: 1 },
          { layer: 1, waits: [0] },
        ),
      ]),
    );
    expect(lines["load"]).toBe(line("q", "b5", "d", "b5", "d", "b4", "i18"));
    expect(lines["accumulate"]).toBe(line("q2", "t15", "b18"));
    expectRest(lines, 2, "load", "accumulate");
    expect(result.cycles).toBe(35);
    const { events, accesses } = result.layers[1]!;
    expect([[...events.row], [...events.mac]]).toEqual([
      [4, 0],
      [32, 0],
    ]);
    expect([accesses.data, accesses.weight.reads]).toEqual([{ reads: 8, writes: 2 }, 7]);
  });
});

describe("7: attend-kv, then attend-q", () => {
  const run = (sequential: number) => {
    const bits = (...channels: number[]): number[] =>
      Array.from({ length: 24 }, (_, c) => (channels.includes(c) ? 1 : 0));
    // Positions: k, v and q of two tokens each.
    const none = bits();
    const first = [bits(12, 20), bits(3), none, none, none, bits(13)];
    const second = [bits(15), bits(3), none, none, none, bits(12, 23)];
    const head = { blocks: 3, positions: 2, head: 1, headDim: 12, steps: 2 };
    return timeline(
      program(SMALL, spikeWords(SMALL, [first, second]), [
        instruction("load", { memory: 0, words: 18 }, { signals: [0] }),
        instruction("attend-kv", { ...head, keys: 0, values: 6, clear: 1 }, { layer: 1, waits: [0] }),
        instruction(
          "attend-q",
          { ...head, queries: 12, scale: 1, sequential, outputStride: 3, outputStepStride: 6 },
          { layer: 1 },
        ),
      ]),
    );
  };

  it("takes two cycles per event of a head of 12 channels", () => {
    const { result, lines } = run(0);
    expect(lines["load"]).toBe(line("q", "b3", "d3", "b18", "i52"));
    expect(lines["attend"]).toBe(line("q2", "t23", "b52"));
    expectRest(lines, 3, "load", "attend");
    expect(result.cycles).toBe(77);
    const { events, accesses } = result.layers[1]!;
    expect([[...events.kv], [...events.qa]]).toEqual([
      [24, 12],
      [12, 24],
    ]);
    expect([accesses.spike, accesses.data]).toEqual([
      { reads: 12, writes: 0 },
      { reads: 0, writes: 8 },
    ]);
  });

  it("scales the counters first where additions are sequential", () => {
    expect(run(1).lines["attend"]).toBe(line("q2", "t23", "b70"));
  });
});

describe("8: fire over two groups", () => {
  it("writes v and u back after the first group and reads them in the second", () => {
    const both = { positions: 2, steps: 2, lanesUsed: 8, state: 16, thresholds: 0, rule: 4, a: 0.5, b: 0.5 };
    const { result, lines } = timeline(
      program(SMALL, new Uint8Array(0), [
        instruction("fire", { ...both, slots: 2, currentStepStride: 2, stateWrite: 1 }),
        instruction("fire", { ...both, slots: 1, stateRead: 1, output: 2 }, { layer: 1 }),
      ]),
    );
    expect(lines["fire"]).toBe(line("q", "b24"));
    expectRest(lines, 2, "fire");
    expect(result.cycles).toBe(25);
    const accesses = result.layers.map((layer) => layer.accesses);
    expect(accesses.map(({ data }) => data)).toEqual([
      { reads: 4, writes: 4 },
      { reads: 6, writes: 0 },
    ]);
    expect(accesses.map(({ weight, spike }) => [weight.reads, spike.writes])).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});

describe("9: a full queue holds up the dispatcher", () => {
  const run = (queueDepth: number) => {
    const fire = (output: number, tokens = {}): Instruction =>
      instruction("fire", { lanesUsed: 8, vTh: 1, a: 2, output }, tokens);
    return timeline(
      program({ ...SMALL, queueDepth }, new Uint8Array(0), [
        instruction("load", { memory: 0, words: 1 }, { signals: [0] }),
        fire(0, { waits: [0] }),
        fire(1),
        fire(2),
        instruction("add", { a: 1, b: 2, words: 1, output: 3 }),
      ]),
    );
  };

  it("so that a depth of 1 keeps vector waiting behind the fires", () => {
    const { result, lines } = run(1);
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b", "q6", "i4"));
    expect(lines["fire"]).toBe(line("q2", "t6", "b9", "i"));
    expect(lines["vector"]).toBe(line("q14", "b4"));
    expectRest(lines, 14, "load", "fire", "vector");
    expect(result.cycles).toBe(18);
  });

  it("and a depth of 4 does not", () => {
    const { result, lines } = run(4);
    expect(lines["fire"]).toBe(line("q2", "t6", "b9"));
    expect(lines["vector"]).toBe(line("q5", "b4", "i8"));
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b", "i9"));
    expectRest(lines, 5, "load", "fire", "vector");
    expect(result.cycles).toBe(17);
  });
});

describe("10: two engines want one token", () => {
  const run = (priority: LayerwiseChip["priority"]) =>
    timeline(
      program({ ...SMALL, priority }, new Uint8Array(0), [
        instruction("load", { memory: 0, words: 1 }, { signals: [0] }),
        instruction("add", { a: 1, b: 2, words: 1, output: 3 }, { waits: [0], signals: [0] }),
        instruction("fire", { lanesUsed: 8, vTh: 1, a: 2 }, { waits: [0], signals: [0] }),
      ]),
    );

  it("and fire, first in the chip's priority, takes it though it came later in the program", () => {
    const { result, lines } = run(SMALL.priority);
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b", "i7"));
    expect(lines["fire"]).toBe(line("q3", "t5", "b3", "i4"));
    expect(lines["vector"]).toBe(line("q2", "t9", "b4"));
    expectRest(lines, 3, "load", "fire", "vector");
    expect(result.cycles).toBe(15);
  });

  it("and vector takes it where it goes before fire", () => {
    const { result, lines } = run(["vector", "fire", "accumulate", "attend", "load", "store"]);
    expect(lines["vector"]).toBe(line("q2", "t6", "b4", "i3"));
    expect(lines["fire"]).toBe(line("q3", "t9", "b3"));
    expect(result.cycles).toBe(15);
  });
});

describe("11: counts in bit planes", () => {
  it("adds rows of the second plane twice", () => {
    const weights = new Uint8Array(32 + 5 * 32);
    // Plane 0 and plane 1 of two positions: counts 1 and 3 at position 0, none at position 1.
    weights.set(spikeWords(SMALL, [[[1, 1], [0], [0, 1], [0]]]));
    new Int32Array(weights.buffer, 32, 16).fill(10, 0, 8).fill(100, 8, 16);
    const sums = { height: 2, outRows: 2, channels: 2, planes: 2, planeStride: 2, weights: 0, parameters: 2 };
    const outputs = [{ name: "sums", dram: 1024, slotStride: 64, slots: 1, shape: [2, 8], format: "int" as const }];
    const { result, lines } = timeline(
      program(
        SMALL,
        weights,
        [
          instruction("load", { memory: 0, words: 4 }, { signals: [0] }),
          instruction("load", { memory: 1, words: 5, dram: 32 }, { signals: [1] }),
          instruction("accumulate", { ...sums, lanesUsed: 8, format: 1 }, { layer: 1, waits: [0, 1], signals: [2] }),
          instruction("store", { memory: 2, words: 2, dram: 1024 }, { waits: [2] }),
        ],
        outputs,
      ),
    );
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b9", "d", "b4", "d2", "b", "i15"));
    expect(lines["accumulate"]).toBe(line("q3", "t21", "b10", "i5"));
    expect(lines["store"]).toBe(line("q4", "t30", "b5"));
    expectRest(lines, 4, "load", "accumulate", "store");
    expect(result.cycles).toBe(39);
    const { events, accesses } = result.layers[1]!;
    expect([events.row[0], events.ac[0], accesses.spike.reads]).toEqual([3, 24, 4]);
    expect([...result.outputs.get("sums")!]).toEqual([...Array(8).fill(10 + 100 + 200), ...Array(8).fill(0)]);
  });
});

describe("12: adder and load on one bank of the weight memory", () => {
  const run = (banks: number) => {
    const chip = { ...SMALL, memories: { ...SMALL.memories, weight: { bytes: 65536, banks, ports: 1 } } };
    return timeline(
      program(chip, spikeWords(chip, [[[1, 1, 1]]]), [
        instruction("load", { memory: 0, words: 1 }, { signals: [0] }),
        instruction("load", { memory: 1, words: 3, address: 10, dram: 32 }),
        instruction("accumulate", { channels: 3, parameters: 3, lanesUsed: 8 }, { waits: [0] }),
      ]),
    );
  };

  it("lets the adder go first", () => {
    const { result, lines } = run(1);
    expect(lines["accumulate"]).toBe(line("q3", "t5", "b9", "i2"));
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b5", "d2", "p2", "b3"));
    expectRest(lines, 3, "load", "accumulate");
    expect(result.cycles).toBe(19);
  });

  it("has no collision between words of two banks", () => {
    const { result, lines } = run(2);
    expect(lines["accumulate"]).toBe(line("q3", "t5", "b9"));
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b5", "d2", "b3"));
    expect(result.cycles).toBe(17);
  });
});

describe("13: pool-or at the edge of a map", () => {
  it("reads the taps inside the map, then writes", () => {
    const { result, lines } = timeline(
      program(SMALL, new Uint8Array(0), [
        instruction("pool-or", { width: 3, kernel: 3, padding: 1, outWidth: 3, output: 8, steps: 2 }),
      ]),
    );
    expect(lines["vector"]).toBe(line("q", "b11"));
    expectRest(lines, 1, "vector");
    expect(result.cycles).toBe(12);
    const { events, accesses } = result.layers[0]!;
    expect([[...events.bit], accesses.spike]).toEqual([[32, 32], { reads: 7, writes: 3 }]);
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

describe("14: weights of eight bits", () => {
  it("read parameters word by word, and a row as one word", () => {
    const chip = narrow(SMALL, 8);
    const lane = (value: number): number[] => Array.from({ length: 8 }, () => value);
    const spikes = spikeWords(chip, [[[1, 1]], [[0, 1]]]);
    const weights = joined(
      spikes,
      new Uint8Array(32 - spikes.length),
      parameterBytes(chip, Int32Array.from(lane(0))),
      parameterBytes(chip, Float64Array.from(lane(5))),
      weightRows(chip, [[-128, -1, 0, 1, 2, 3, 100, 127], lane(1)]),
      parameterBytes(chip, Int32Array.of(6, 6, 6, 6, 9, 9, 106, 1000)),
    );
    const { result, lines } = timeline(
      program(chip, weights, [
        instruction("load", { memory: 0, words: 1, dram: 0 }, { signals: [0] }),
        instruction("load", { memory: 1, words: 18, dram: 32 }, { signals: [1] }),
        instruction(
          "accumulate",
          { channels: 2, weights: 12, parameters: 0, lanesUsed: 8, steps: 2, outputStepStride: 1, format: 1 },
          { waits: [0, 1], signals: [2] },
        ),
        instruction(
          "fire",
          {
            slots: 2,
            currentStepStride: 1,
            lanesUsed: 8,
            steps: 2,
            format: 1,
            stateBits: 16,
            rule: CHARGE_RULES.indexOf("integrate"),
            thresholds: 14,
          },
          { waits: [2] },
        ),
      ]),
    );
    expect(lines["load"]).toBe(line("q", "b2", "d4", "b6", "d", "b18", "i26"));
    expect(lines["accumulate"]).toBe(line("q3", "t29", "b18", "i8"));
    expect(lines["fire"]).toBe(line("q4", "t46", "b8"));
    expect(result.cycles).toBe(58);
    const { accesses, dramReadBytes, events } = result.layers[0]!;
    expect([accesses.weight, dramReadBytes]).toEqual([{ reads: 12 + 2 + 4, writes: 18 }, 32 + 5 * 32]);
    // Potentials -122, 5, 6, 7, 8, 9, 106, 133; then 6 more, from 0 where a neuron has fired.
    expect([...events.spike]).toEqual([4, 4]);
  });
});
