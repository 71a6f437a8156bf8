import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { encodeProgram, readProgram, type Program } from "../../src/backends/program/index.js";
import { ChipThread } from "../../src/cli/chip-thread.js";
import { cliDiagnostics } from "../../src/cli/diagnostics.js";
import { Report } from "../../src/diagnostics/index.js";
import { parseNet } from "../../src/ir/index.js";
import { createStepped } from "../../src/sim/layerwise/index.js";
import { dataWords, instruction, serialProgram, SMALL } from "../sim/support.js";

const TEXT =
  "net @double(%a: real<1t, 1x1x3>) -> real<1t, 1x1x3> {\n  %y = stream.add %a, %a : real<1t, 1x1x3>\n  return %y\n}\n";
const { net } = parseNet(TEXT, "double.snn", new Map());
const program = compileLayerwise(net!, SMALL, {}, new Report())!;
const request = (values: number) => ({
  inputs: new Map([["a", new Float32Array(values)]]),
  record: false,
  probes: [],
  timeline: false,
});
const good = request(3);

const threads: ChipThread[] = [];
function start(of: Program = program): ChipThread {
  const thread = new ChipThread({ program: of, simulator: "stepped" });
  threads.push(thread);
  return thread;
}
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.stop();
});

describe("a chip in a thread", () => {
  it("gives the results of one in this thread, sample after sample", async () => {
    const thread = start();
    const expected = createStepped(program).run(good.inputs);
    expect((await thread.run(good)).result).toEqual(expected);
    expect((await thread.run(good)).result).toEqual(expected);
  });

  it("refuses a sample of another size, and runs the next one", async () => {
    const thread = start();
    await expect(thread.run(request(4))).rejects.toMatchObject({ diagnostic: { code: "sim/input" } });
    expect((await thread.run(good)).result.cycles).toBeGreaterThan(0);
  });

  it("that dies rejects the sample under way and every later one", async () => {
    const thread = start();
    const died = expect(thread.run(good)).rejects.toMatchObject({ diagnostic: { code: "cli/thread-died" } });
    await thread.stop();
    await died;
    await expect(thread.run(good)).rejects.toMatchObject({ diagnostic: { code: "cli/thread-died" } });
  });

  it("that is stopped rejects with the reason", async () => {
    const thread = start();
    const why = cliDiagnostics.make("interrupted", "enough");
    const stopped = expect(thread.run(good)).rejects.toMatchObject({ diagnostic: why });
    await thread.stop(why);
    await stopped;
  });

  it("that fails by a bug shows it, and does not wait", async () => {
    const thread = start({ ...program, chip: undefined } as unknown as Program);
    await expect(thread.run(good)).rejects.toThrow(TypeError);
  });

  it("shares the weights of a program that was read from a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "chip-thread-"));
    const file = join(folder, "add.spk");
    const bytes = dataWords(SMALL, [[Array.from({ length: SMALL.lanes }, (_, lane) => lane + 1)]], "int");
    const address = { memory: "data", address: 0 } as const;
    const read = { memory: "data", address: 1, words: 1 } as const;
    const add = instruction("add", { a: 0, b: 0, words: 1, output: 1, format: 1, aShift: 0, bShift: 0 });
    writeFileSync(
      file,
      encodeProgram(serialProgram({ words: [{ ...address, bytes }], instructions: [add], read: [read] })),
    );
    const loaded = readProgram(file, new Report(), "layerwise")!;
    rmSync(folder, { recursive: true });
    const thread = start(loaded);
    const outputs = async () => [...(await thread.run({ ...good, inputs: new Map() })).result.outputs.get("read0")!];
    const doubles = Array.from({ length: SMALL.lanes }, (_, lane) => 2 * (lane + 1));
    expect(await outputs()).toEqual(doubles);
    // The thread loads its weights anew for each sample, from the very bytes that lie here.
    loaded.weights.fill(0);
    expect(await outputs()).toEqual(doubles.map(() => 0));
  });
});
