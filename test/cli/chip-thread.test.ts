import { afterEach, describe, expect, it } from "vitest";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { encodeProgram } from "../../src/backends/program/index.js";
import { ChipThread } from "../../src/cli/chip-thread.js";
import { cliDiagnostics } from "../../src/cli/diagnostics.js";
import { Report } from "../../src/diagnostics/index.js";
import { parseNet } from "../../src/ir/index.js";
import { createStepped } from "../../src/sim/layerwise/index.js";
import { SMALL } from "../sim/support.js";

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
function start(): ChipThread {
  const thread = new ChipThread({ program: encodeProgram(program), file: "test.spk", simulator: "stepped" });
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

  it("that cannot read its program shows the fault, and does not wait", async () => {
    const thread = new ChipThread({ program: new Uint8Array(10), file: "broken.spk", simulator: "stepped" });
    threads.push(thread);
    await expect(thread.run(good)).rejects.toThrow("broken.spk");
  });
});
