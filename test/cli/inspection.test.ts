import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeProgram } from "../../src/backends/program/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { writeNpy } from "../../src/frontend/formats/index.js";
import { packSpikes, unpackSpikes } from "../../src/sim/recording.js";
import { runFileSchema, type RunFile } from "../../src/sim/run-file.js";
import { spikec, type CommandResult } from "../support/command-line.js";
import { digitsArray, digitsPath } from "../support/digits.js";
import { interrupted } from "../support/interrupted.js";

const LAYER = "block.0.mlp.fc1_lif";
let folder = "";
const at = (name: string): string => join(folder, name);
const images = digitsPath("test-images.npy");
const simulate = (...args: string[]): Promise<CommandResult> => spikec("simulate", at("digits.spk"), ...args);
const readRun = (name: string): RunFile => runFileSchema.parse(JSON.parse(readFileSync(at(name), "utf8")));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "spikec-inspection-"));
  await spikec("compile", digitsPath("model.pth"), "--arch", "statten", "-o", at("digits.spk"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("simulate --probe, --record and --trace", () => {
  it("write spikes, potentials and a trace of the run they belong to", async () => {
    const outputs = ["-o", at("run.json"), "--trace", at("trace.json")];
    const done = await simulate("--input", images, "--limit", "2", "--record", "--probe", `${LAYER}:1,2`, ...outputs);
    expect(done).toMatchObject({ code: 0, err: "" });
    const run = readRun("run.json");
    for (const sample of run.samples) {
      const layer = sample.spikes!.find((recorded) => recorded.layer === LAYER)!;
      const spikes = unpackSpikes(layer, run.timesteps)!;
      const [probe] = sample.probes!;
      const size = layer.positions * layer.channels;
      expect(probe!.neuron).toBe(layer.channels + 2);
      expect(probe!.spikes).toEqual([0, 1, 2, 3].map((t) => spikes[t * size + probe!.neuron!]));
      const counted = run.samples.flatMap(({ spikes: all }) => all!.filter((recorded) => recorded.layer === LAYER));
      const total = counted.flatMap((recorded) => [...unpackSpikes(recorded, run.timesteps)!]);
      const events = run.layers.find(({ name }) => name === LAYER)!.events.spike;
      expect(total.reduce((a, b) => a + b, 0)).toBe(events.reduce((a, b) => a + b, 0));
    }
    expect(done.out).toContain(`${LAYER} in sample 1`);
    const program = decodeProgram(readFileSync(at("digits.spk")), "digits.spk", new Report(), "layerwise")!;
    const trace = JSON.parse(readFileSync(at("trace.json"), "utf8")) as { traceEvents: { ph: string; args: object }[] };
    const slices = trace.traceEvents.filter(({ ph }) => ph === "X");
    expect(slices).toHaveLength(program.instructions.length);
  });

  it("change nothing that is computed", async () => {
    const plain = JSON.parse((await simulate("--input", images, "--limit", "2", "--json")).out) as object;
    const { samples, ...sums } = readRun("run.json");
    const bare = samples.map(({ spikes: _spikes, probes: _probes, ...sample }) => sample);
    expect({ ...sums, samples: bare }).toEqual(plain);
  });

  it("say how much of a layer does not fit the screen", async () => {
    const { out } = await simulate("--input", images, "--limit", "1", "--probe", LAYER);
    const { positions, channels } = readRun("run.json").samples[0]!.spikes!.find(({ layer }) => layer === LAYER)!;
    expect(out).toContain(`and ${(positions * channels * 4 - 40).toLocaleString("en-US")} rows more`);
  });

  it("refuse what does not exist before anything runs", async () => {
    const typo = await simulate("--input", images, "--probe", "block.0.mlp.fc1_lof", "-o", at("no.json"));
    expect(typo).toMatchObject({ code: 1, out: "" });
    expect(typo.err).toContain(`did you mean \`${LAYER}\`?`);
    expect((await simulate("--input", images, "--probe", `${LAYER}:99999`)).err).toContain("positions x");
    expect(await simulate("--input", images, "--record")).toMatchObject({ code: 2 });
    const same = await simulate("--input", images, "-o", at("no.json"), "--trace", at("no.json"));
    expect(same.code).toBe(1);
    expect(existsSync(at("no.json"))).toBe(false);
  });
});

describe("diff", () => {
  const run = (program: string, output: string, ...args: string[]): Promise<CommandResult> =>
    spikec("simulate", at(program), "--input", images, "--limit", "2", "-o", at(output), ...args);

  beforeAll(async () => {
    await spikec("opt", digitsPath("model.pth"), "--arch", "statten", "-p", "import", "-o", at("net.snn"));
    const text = readFileSync(at("net.snn"), "utf8");
    const line = text.split("\n").find((candidate) => candidate.includes(`layer("${LAYER}"`))!;
    const changed = line.replace(/v_th = [\d.]+/, "v_th = 0.75");
    expect(changed).not.toBe(line);
    writeFileSync(at("changed.snn"), text.replace(line, changed));
    writeFileSync(at("changed.safetensors"), readFileSync(at("net.safetensors")));
    await spikec("compile", at("changed.snn"), "-p", "", "-o", at("changed.spk"));
    await run("digits.spk", "a.json", "--record");
    await run("changed.spk", "b.json", "--record");
  });

  it("finds none between two chips that run one network", async () => {
    await spikec("compile", at("net.snn"), "-p", "", "--time-block", "2", "-o", at("blocks.spk"));
    await run("blocks.spk", "blocks.json", "--record");
    const same = await spikec("diff", at("a.json"), at("blocks.json"));
    expect(same).toMatchObject({ code: 0, err: "" });
    expect(same.out).toContain(": 0 differ");
  });

  it("locates the layer whose threshold was changed, and shows both sides once they are probed", async () => {
    const blind = await spikec("diff", at("a.json"), at("b.json"), "--json");
    expect(blind.code).toBe(1);
    const { first } = JSON.parse(blind.out) as {
      first: { layer: string; timestep: number; position: number; channel: number; sides: { spike: number }[] };
    };
    expect(first).toMatchObject({ layer: LAYER, sides: [{}, {}] });
    const neuron = `${LAYER}:${first.position},${first.channel}`;
    const text = (await spikec("diff", at("a.json"), at("b.json"))).out;
    expect(text).toContain(`--probe ${neuron} -o ${at("a.json")}`);
    await run("digits.spk", "a2.json", "--record", "--probe", neuron);
    await run("changed.spk", "b2.json", "--record", "--probe", neuron);
    const seen = JSON.parse((await spikec("diff", at("a2.json"), at("b2.json"), "--json")).out) as {
      first: { sides: { spike: number; charged: number; input: number; threshold: number }[] };
    };
    const [a, b] = seen.first.sides;
    expect(b!.threshold).toBe(0.75);
    expect(a!.input).toBe(b!.input);
    expect(a!.charged).toBe(b!.charged);
    expect([a!, b!].map(({ spike, charged, threshold }) => spike === Number(charged >= threshold))).toEqual([
      true,
      true,
    ]);
    expect((await spikec("diff", at("a2.json"), at("b2.json"))).out).not.toContain("for v and input");
  });

  it("calls nothing equal of which one side has less", async () => {
    const whole = readRun("a.json");
    const against = async (changed: RunFile): Promise<CommandResult & { readonly json: { equal: boolean } }> => {
      writeFileSync(at("less.json"), JSON.stringify(changed));
      for (const sides of [["a.json", "less.json"] as const, ["less.json", "a.json"] as const]) {
        expect((await spikec("diff", at(sides[0]), at(sides[1]))).code).toBe(1);
      }
      const json = JSON.parse((await spikec("diff", at("a.json"), at("less.json"), "--json")).out) as {
        equal: boolean;
      };
      expect(json.equal).toBe(false);
      return { ...(await spikec("diff", at("a.json"), at("less.json"))), json };
    };
    const fewer = await against({ ...whole, samples: whole.samples.slice(0, 1) });
    expect(fewer.json).toMatchObject({ sides: [{ samples: 2 }, { samples: 1 }] });
    expect(fewer.out).toContain("not compared: samples from 1 on");
    const bare = await against({ ...whole, samples: whole.samples.map((sample) => ({ ...sample, outputs: {} })) });
    expect(bare.out).toContain(`only in ${at("a.json")}`);
    const pruned = await against({
      ...whole,
      samples: whole.samples.map((sample) => ({
        ...sample,
        spikes: sample.spikes!.map(({ layer, positions, channels }) => {
          const size = { positions, channels: channels - 1 };
          return packSpikes(layer, size, new Uint8Array(whole.timesteps * positions * size.channels));
        }),
      })),
    });
    expect(pruned.out).toContain("no spike was compared");
    expect(pruned.out).toMatch(/positions x channels are \d+ x \d+ and \d+ x \d+; .*drop-dead/);
  });

  it("refuses runs without spikes and recordings of other networks", async () => {
    await run("digits.spk", "bare.json");
    const bare = await spikec("diff", at("a.json"), at("bare.json"));
    expect(bare.code).toBe(1);
    expect(bare.err).toContain("--record");
    const other = structuredClone(readRun("a.json"));
    other.timesteps = 2;
    writeFileSync(at("other.json"), JSON.stringify(other));
    expect((await spikec("diff", at("a.json"), at("other.json"))).err).toContain("not-recorded");
  });
});

/** Pictures of one pixel each for a net that doubles them, of which one overflows f32. */
function withOverflow(samples: number, bad: number): string {
  const data = Float32Array.from({ length: samples }, (_, i) => (i === bad ? 3e38 : 1));
  writeFileSync(at("pixels.npy"), writeNpy({ dtype: "f32", shape: [samples, 1, 1, 1], data }));
  return at("pixels.npy");
}

describe("a batch in which something goes wrong", () => {
  beforeAll(async () => {
    const text =
      "net @double(%a: real<1t, 1x1x1>) -> real<1t, 1x1x1> {\n  %y = stream.add %a, %a : real<1t, 1x1x1>\n  return %y\n}\n";
    writeFileSync(at("double.snn"), text);
    expect(await spikec("compile", at("double.snn"), "-o", at("double.spk"))).toMatchObject({ code: 0 });
  });

  it("keeps the samples before one that overflows, and says so in the file", async () => {
    const done = await spikec("simulate", at("double.spk"), "--input", withOverflow(4, 2), "-o", at("some.json"));
    expect(done.code).toBe(1);
    expect(done.err).toContain("cli/not-finite");
    expect(done.err).toContain("sample 3 of 4");
    expect(done.err).toContain(`2 of 4 samples had finished, they are kept in \`${at("some.json")}\``);
    const { samples, stopped } = readRun("some.json");
    expect(samples.map(({ outputs }) => Object.values(outputs))).toEqual([[[2]], [[2]]]);
    expect(stopped).toMatchObject({ asked: 4 });
    const energy = await spikec("energy", at("some.json"));
    expect(energy.code).toBe(0);
    expect(energy.err).toContain("2 of 4 samples");
  });

  it("writes nothing where the first sample fails", async () => {
    const done = await spikec("simulate", at("double.spk"), "--input", withOverflow(2, 0), "-o", at("none.json"));
    expect(done).toMatchObject({ code: 1, out: "" });
    expect(existsSync(at("none.json"))).toBe(false);
  });

  it("names a picture of another size before anything runs", async () => {
    mkdirSync(at("pictures"));
    [8, 8, 9, 8].forEach((side, i) => {
      writeFileSync(at(`pictures/${i}.png`), PNG.sync.write(new PNG({ width: side, height: side })));
    });
    const done = await simulate("--input", at("pictures"), "-o", at("none.json"));
    expect(done).toMatchObject({ code: 1, out: "" });
    expect(done.err).toContain("`2.png` has 9x9 pixels");
  });
});

describe("a signal", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s ends a run at once and keeps what has finished", async (signal, code) => {
    const [trace, output] = [at(`${signal}.trace`), at(`${signal}.json`)];
    // The trace appears when the first sample is done; hundreds are still to come.
    const args = ["simulate", at("digits.spk"), "--input", images, "--trace", trace, "-o", output];
    const done = await interrupted(signal, () => existsSync(trace), ...args);
    expect(done.code).toBe(code);
    expect(done.err).toContain(`cli/interrupted]: stopped by ${signal}`);
    const { samples, stopped, cycles } = readRun(`${signal}.json`);
    expect(stopped!.asked).toBe(digitsArray("test-images.npy").shape[0]);
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.length).toBeLessThan(stopped!.asked);
    expect(cycles).toBe(samples.reduce((sum, sample) => sum + sample.cycles, 0));
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
