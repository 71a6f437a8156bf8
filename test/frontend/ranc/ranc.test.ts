import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readChip, type LoihiChip } from "../../../src/chips/index.js";
import { Report, type Diagnostic } from "../../../src/diagnostics/index.js";
import { importRanc, type ImportedRanc } from "../../../src/frontend/ranc/index.js";
import { runRancLadder } from "../../../src/validate/ranc.js";
import { spikec } from "../../support/command-line.js";
import { Random } from "../../support/random.js";
import {
  gridFiles,
  idleCore,
  idleNeuron,
  latencyOf,
  neuronRow,
  packetRow,
  randomGrid,
  simulateGrid,
  writeGrid,
  type GridSpec,
  type NeuronSpec,
} from "../../support/ranc-files.js";

/** RANC's files against a plain simulation of the grids that they were written from. */

const CHIP = readChip("truenorth-grid", new Report(), "loihi")!;
const TICKS = 6;

let scratch = "";
let next = 0;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "spikec-ranc-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const written = (files: ReadonlyMap<string, readonly string[]>): string =>
  writeGrid(join(scratch, String(next++)), files);

/** What the bus gets in TICKS ticks from the first that inputs can change. */
function expectedOutputs(grid: GridSpec): number[][] {
  const latency = latencyOf(grid);
  return simulateGrid(grid, latency + TICKS).slice(latency);
}

function read(folder: string, width?: number, chip: LoihiChip = CHIP): ImportedRanc {
  const report = new Report();
  const imported = importRanc(folder, chip, report, width);
  if (imported === undefined) throw new Error(report.diagnostics.map(({ message }) => message).join("\n"));
  return imported;
}

function faultOf(folder: string, width?: number, chip: LoihiChip = CHIP): Diagnostic {
  const report = new Report();
  expect(importRanc(folder, chip, report, width)).toBeUndefined();
  expect(report.diagnostics).toHaveLength(1);
  return report.diagnostics[0]!;
}

/** Random grids with packets to the bus: files without lines are refused. */
const grids = fc
  .nat()
  .map((seed) => randomGrid(new Random(seed)))
  .filter((grid) => expectedOutputs(grid).flat().length > 0);

describe("random grids", () => {
  it("give the packets of a plain simulation in both simulators", () => {
    let packets = 0;
    fc.assert(
      fc.property(grids, (grid) => {
        const outputs = expectedOutputs(grid);
        const imported = read(written(gridFiles(grid, outputs)), grid.width);
        expect([imported.latency, imported.layout.output]).toEqual([latencyOf(grid), grid.output]);
        const rungs = runRancLadder(imported);
        expect(rungs.filter(({ status }) => status !== "passed")).toEqual([]);
        expect(rungs[1]!.layers[0]!.spikes).toBe(outputs.flat().length);
        packets += outputs.flat().length;
      }),
      { numRuns: 60 },
    );
    expect(packets).toBeGreaterThan(200);
  });

  it("fail where one expected packet is another one", () => {
    fc.assert(
      fc.property(grids, fc.nat(), (grid, choice) => {
        const outputs = expectedOutputs(grid);
        const tick = choice % TICKS;
        const other = outputs[tick]!.includes(0) ? outputs[tick]!.filter((axon) => axon > 0) : [0, ...outputs[tick]!];
        const changed = outputs.map((packets, t) => (t === tick ? other : packets));
        fc.pre(changed.flat().length > 0);
        const [, stepped, event] = runRancLadder(read(written(gridFiles(grid, changed)), grid.width));
        for (const rung of [stepped!, event!]) {
          expect([rung.status, rung.layers[0]!.mismatches]).toEqual(["failed", 1]);
          expect(rung.detail).toMatch(new RegExp(`1 differ; first difference: tick ${tick}: .* 0$`));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("are never laid out with another width", () => {
    let found = 0;
    fc.assert(
      fc.property(grids, (grid) => {
        const report = new Report();
        const folder = written(gridFiles(grid, expectedOutputs(grid)));
        const imported = importRanc(folder, CHIP, report);
        if (imported === undefined) expect(report.diagnostics[0]!.message).toMatch(/fit a grid of any of the widths/);
        else {
          found++;
          expect(imported.layout.width).toBe(grid.width);
        }
      }),
      { numRuns: 60 },
    );
    expect(found).toBeGreaterThan(10);
  });
});

const AXONS = 4;
/** Listens to axon 0 with weight 1, fires at 1, and sends where it is told to. */
const follower = (dx: number, dy: number, axon: number, more: Partial<NeuronSpec> = {}): NeuronSpec => ({
  ...idleNeuron(AXONS),
  connected: [true, false, false, false],
  weights: [1, 0, 0, 0],
  packet: { dx, dy, axon, tick: 0 },
  ...more,
});

/** 2 x 2 cores: the first two forward axon 0 to the third, which sends to the bus in the place of the fourth. */
function chain(more: Partial<NeuronSpec> = {}): GridSpec {
  const core = (neuron: NeuronSpec) => ({ ...idleCore(AXONS, 2), neurons: [neuron, idleNeuron(AXONS)] });
  return {
    width: 2,
    axons: AXONS,
    output: 3,
    cores: [core(follower(0, 1, 0)), core(follower(-1, 1, 0)), core(follower(1, 0, 2, more)), idleCore(AXONS, 2)],
    inputs: [[{ dx: 1, dy: 0, axon: 0, tick: 0 }], [], [{ dx: 0, dy: 0, axon: 0, tick: 0 }]],
  };
}

const EXPECTED = [[2], [], [2]];
const filesOf = (grid: GridSpec): Map<string, string[]> => gridFiles(grid, EXPECTED);

describe("a small grid", () => {
  it("is read as it is written", () => {
    const { grid, bench, program, layout, latency } = read(written(filesOf(chain())));
    expect([layout, latency, program.timesteps]).toEqual([{ width: 2, height: 2, output: 3 }, 1, 4]);
    expect(grid.cores[2]!.neurons[0]).toEqual({
      connections: [0],
      potential: 0,
      weights: [1, 0, 0, 0],
      leak: 0,
      positiveThreshold: 1,
      negativeThreshold: 0,
      reset: "absolute",
      resetPotential: 0,
      packet: { dx: 1, dy: 0, axon: 2, tick: 0 },
    });
    expect(bench.outputs).toEqual(EXPECTED);
    // Row by row on the mesh of the chip; the output bus is no core of the program.
    expect(program.cores.map(({ tile }) => tile)).toEqual([0, 1, CHIP.mesh.tilesX]);
    expect(program.outputs.map(({ name }) => name)).toEqual(["core 0,1"]);
  });

  it("reads connections from the last axon to the first, and weights by type from the first to the last", () => {
    const connected = [false, true, true, true];
    const neuron = follower(1, 0, 2, { connected, weights: [5, -6, 7, -256] });
    const grid = chain(neuron);
    const cores = grid.cores.map((core, i) => (i === 2 ? { ...core, types: [3, 1, 0, 3] } : core));
    const [, , core] = read(written(filesOf({ ...grid, cores }))).program.cores;
    if (core?.kind !== "neuro") throw new Error("no neuro-core");
    expect([[...core.lists.start], [...core.lists.weight]]).toEqual([
      [0, 0, 1, 2, 3],
      [-6, 5, -256],
    ]);
  });

  it("passes on the command line, says what it is, and fails with a wrong test bench", async () => {
    const good = await spikec("validate", written(filesOf(chain())));
    expect([good.code, good.out.match(/^pass/gm)?.length]).toEqual([0, 4]);
    expect(good.out).toContain("2 x 2 cores of 4 axons x 2 neurons, 3 working, output bus at core 3");
    const bad = await spikec("validate", written(gridFiles(chain(), [[2], [], [1]])));
    expect(bad.code).toBe(1);
    expect(bad.out).toContain("first difference: tick 2: no packet to 1, unexpected ones to 2");
  });

  it("takes another chip, and refuses what means nothing", async () => {
    const folder = written(filesOf(chain()));
    const wrong = await spikec("validate", folder, "--chip", "loihi1");
    expect([wrong.code, wrong.err.includes("ranc/chip")]).toEqual([1, true]);
    const noEffect = await spikec("validate", folder, "--no-tfjs");
    expect([noEffect.code, noEffect.err.includes("cli/no-effect")]).toEqual([2, true]);
    const width = await spikec("validate", folder, "--grid-width", "4");
    expect([width.code, width.err.includes("ranc/output-bus")]).toEqual([1, true]);
  });

  it.each<
    [fault: string, change: (files: Map<string, string[]>) => void, code: string, message: RegExp, place: string]
  >([
    ["a missing core", (f) => f.delete("csram_001.mem"), "ranc/missing-file", /no csram file of core 1/, ""],
    ["a missing test bench", (f) => f.delete("tb_correct.txt"), "frontend/cannot-read", /no such file/, ""],
    ["a core twice", (f) => f.set("tc_1.mem", ["00"]), "ranc/missing-file", /are of the same core/, ""],
    [
      "a short row",
      (f) => line(f, "csram_001.mem", 1, (t) => t.slice(1)),
      "ranc/row",
      /109 binary digits, expected 110 \(4 conn/,
      "line 2",
    ],
    [
      "a letter",
      (f) => line(f, "csram_002.mem", 0, (t) => `x${t.slice(1)}`),
      "ranc/row",
      /`x` is no binary digit/,
      "line 1",
    ],
    ["a row too few", (f) => f.get("csram_003.mem")!.pop(), "ranc/count", /1 line, expected 2/, ""],
    ["a type too many", (f) => f.get("tc_003.mem")!.push("00"), "ranc/count", /5 lines, expected 4/, ""],
    ["a wide type", (f) => line(f, "tc_000.mem", 3, () => "100"), "ranc/row", /3 binary digits, expected 2/, "line 4"],
    [
      "packets that nobody counts",
      (f) => line(f, "tb_num_inputs.txt", 1, () => "1"),
      "ranc/count",
      /2 lines, expected 3/,
      "",
    ],
    [
      "a count in words",
      (f) => line(f, "tb_num_outputs.txt", 2, () => "one"),
      "ranc/count",
      /`one` is no number/,
      "line 3",
    ],
    [
      "an output twice",
      (f) => {
        f.set("tb_correct.txt", ["10", "10"]);
        f.set("tb_num_outputs.txt", ["2"]);
      },
      "ranc/row",
      /tick 0 has output 2 twice/,
      "",
    ],
    [
      "an input that leaves the grid",
      (f) => line(f, "tb_input.txt", 0, () => packetRow({ dx: 0, dy: 4, axon: 0, tick: 0 }, AXONS)),
      "ranc/width",
      /no width/,
      "",
    ],
    [
      "a packet for the tick that is read",
      (f) => line(f, "tb_input.txt", 0, () => packetRow({ dx: 0, dy: 0, axon: 0, tick: 15 }, AXONS)),
      "ranc/row",
      /14 is the most/,
      "line 1",
    ],
  ])("is refused with %s", (_, change, code, message, place) => {
    const files = filesOf(chain());
    change(files);
    const fault = faultOf(written(files));
    expect([fault.code, fault.location?.kind === "file" ? (fault.location.path ?? "") : ""]).toEqual([code, place]);
    expect(fault.message).toMatch(message);
  });

  it.each<[fault: string, neuron: Partial<NeuronSpec>, code: string, message: RegExp]>([
    ["a potential that does not begin at 0", { potential: 3 }, "ranc/unsupported", /neuron 0 of core 0,1 begins at 3/],
    ["packets that leave the grid", { packet: { dx: 0, dy: 3, axon: 0, tick: 0 } }, "ranc/width", /no width/],
    ["no output bus", { packet: { dx: 0, dy: 0, axon: 1, tick: 0 } }, "ranc/width", /no width/],
    ["packets that wait too long", { packet: { dx: 1, dy: 0, axon: 0, tick: 15 } }, "ranc/row", /waits 15 ticks/],
  ])("is refused with %s", (_, neuron, code, message) => {
    const fault = faultOf(written(filesOf(chain(neuron))));
    expect(fault.code).toBe(code);
    expect(fault.message).toMatch(message);
  });

  it("is refused where packets of two delays reach an axon", () => {
    const grid = chain();
    const late = {
      ...grid.cores[0]!,
      neurons: [follower(0, 1, 0, { packet: { dx: 0, dy: 1, axon: 0, tick: 2 } }), idleNeuron(AXONS)],
    };
    const fault = faultOf(written(filesOf({ ...grid, cores: [late, ...grid.cores.slice(1)] })));
    expect(fault.code).toBe("ranc/unsupported");
    expect(fault.message).toBe(
      "axon 0 of core 0,1 is reached by neuron 0 of core 0,0 in 3 ticks and by neuron 0 of core 1,0 in 1",
    );
  });

  it.each<[what: string, chip: LoihiChip, message: RegExp]>([
    [
      "axons",
      { ...CHIP, core: { ...CHIP.core, inputAxons: 3 } },
      /needs 4 axons of a core, chip `truenorth-grid` has 3/,
    ],
    ["neurons", { ...CHIP, core: { ...CHIP.core, compartments: 1 } }, /needs 2 neurons of a core/],
    ["columns", { ...CHIP, mesh: { ...CHIP.mesh, tilesX: 1 } }, /needs 2 cores in a row/],
    ["rows", { ...CHIP, mesh: { ...CHIP.mesh, tilesY: 1 } }, /needs 2 rows of cores/],
    ["bits", { ...CHIP, numerics: { ...CHIP.numerics, stateBits: 8 } }, /needs 9 bits of a potential/],
  ])("is refused by a chip with too few %s", (_, chip, message) => {
    const fault = faultOf(written(filesOf(chain())), undefined, chip);
    expect([fault.code, message.test(fault.message)]).toEqual(["ranc/chip", true]);
  });

  it("fits a chip that has just what it needs", () => {
    const chip = {
      ...CHIP,
      core: { ...CHIP.core, inputAxons: 4, compartments: 2, outputAxons: 2 },
      mesh: { ...CHIP.mesh, tilesX: 2, tilesY: 2 },
      numerics: { ...CHIP.numerics, maxDelay: 1 },
    };
    expect(runRancLadder(read(written(filesOf(chain())), undefined, chip)).map(({ status }) => status)).toEqual(
      Array(4).fill("passed"),
    );
  });
});

describe("rows that do nothing", () => {
  it("need no place for their packets, whatever they connect", () => {
    const grid = chain();
    const asleep = {
      ...idleNeuron(AXONS),
      connected: [true, true, true, true],
      packet: { dx: 0, dy: 200, axon: 0, tick: 15 },
    };
    const cores = grid.cores.map((core) => ({ ...core, neurons: [core.neurons[0]!, asleep] }));
    expect(read(written(filesOf({ ...grid, cores }))).layout.width).toBe(2);
    expect(neuronRow(asleep, AXONS)).not.toBe(neuronRow(idleNeuron(AXONS), AXONS));
  });
});

function line(files: Map<string, string[]>, name: string, at: number, change: (text: string) => string): void {
  const lines = files.get(name)!;
  lines[at] = change(lines[at]!);
}
