import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtInTable } from "../../src/energy/index.js";
import { spikec } from "../support/command-line.js";
import { digitsCheckpoint, digitsModel, digitsPath } from "../support/digits.js";
import { elementsOf, readXml, textOf } from "../support/xml.js";

let folder = "";
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "spikec-vary-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODEL = [digitsPath("model.pth"), "--arch", "statten"];
const INPUT = ["--input", digitsPath("test-images.npy"), "--limit", "2"];
const energy = (...args: readonly string[]) => spikec("energy", ...args);

type Row = Readonly<Record<string, number | string>>;

async function rowsOf(...args: readonly string[]): Promise<readonly Row[]> {
  const { code, out, err } = await energy(...args, "--json");
  expect([code, err]).toEqual([0, ""]);
  return (JSON.parse(out) as { rows: Row[] }).rows;
}

/** Energy per sample and counts of one ordinary run, in the columns of a row. */
async function separate(...args: readonly string[]): Promise<Row> {
  const { code, out } = await energy(...args, "--json");
  expect(code).toBe(0);
  interface Result {
    name: string;
    samples: number;
    total: number;
    rows: { what: string; count: number }[];
    unpriced: { what: string; count: number }[];
  }
  const { conventions } = JSON.parse(out) as { conventions: Result[] };
  const columns: Record<string, number> = {};
  for (const { name, samples, total, rows, unpriced } of conventions) {
    columns[`${name}_J`] = total / samples;
    for (const { what, count } of [...rows, ...unpriced])
      columns[`${name}_${what}`] = (columns[`${name}_${what}`] ?? 0) + count / samples;
  }
  return columns;
}

function expectSame(row: Row, expected: Row): void {
  expect(Object.keys(row)).toEqual(expect.arrayContaining(Object.keys(expected)));
  for (const [name, value] of Object.entries(expected)) expect(Number(row[name]) / Number(value)).toBeCloseTo(1, 12);
}

const EVENT = ["--convention", "event,statten"];

describe("what-ifs of an evaluated network", () => {
  it("are the product of the axes, the last one fastest", async () => {
    const rows = await rowsOf(
      ...MODEL,
      ...INPUT,
      "--vary",
      "rate=0.5,1",
      "--vary",
      "bits=8,fp16",
      "--vary",
      "chunk=1,4",
    );
    expect(rows.map(({ rate, bits, chunk }) => [rate, bits, chunk])).toEqual(
      [0.5, 1].flatMap((rate) => [8, "fp16"].flatMap((bits) => [1, 4].map((chunk) => [rate, bits, chunk]))),
    );
  });

  it("scale what spikes drive by the rate, and nothing else", async () => {
    const [third, one] = await rowsOf(...MODEL, ...INPUT, "--vary", "rate=0.3,1");
    for (const name of Object.keys(one!).filter((column) => /^(event|statten)_[a-z]+$/.test(column))) {
      const scale = /_(ac|kv|qa)$/.test(name) ? 0.3 : 1;
      expect(Number(third![name]) / Number(one![name])).toBeCloseTo(scale, 12);
    }
    expectSame(one!, await separate(...MODEL, ...INPUT, ...EVENT));
  });

  it("of timesteps and chunks are separate runs with these settings", async () => {
    const rows = await rowsOf(...MODEL, ...INPUT, "--vary", "timesteps=2,4", "--vary", "chunk=1,2");
    expect(rows).toHaveLength(4);
    for (const row of rows) {
      const settings = ["--set", `timesteps=${row["timesteps"]}`, "--set", `chunk=${row["chunk"]}`];
      expectSame(row, await separate(...MODEL, ...settings, ...INPUT, ...EVENT));
    }
    expect(new Set(rows.map((row) => row["event_J"])).size).toBe(4);
  });

  it("of k are runs of the network after the pass", async () => {
    const [four, all] = await rowsOf(...MODEL, ...INPUT, "--vary", "k=4,all");
    await spikec("opt", ...MODEL, "-p", "sparsify-top-k{k=4}", "-o", at("four.snn"));
    expectSame(four!, await separate(at("four.snn"), ...INPUT, ...EVENT));
    expectSame(all!, await separate(...MODEL, ...INPUT, ...EVENT));
    expect(Number(four!["event_kv"])).toBeLessThan(Number(all!["event_kv"]));
    // Masks are events of the network with fewer tokens alone.
    expect([all!["event_bit"], Number(four!["event_bit"]) > 0]).toEqual([0, true]);
  });

  it("of bits are those of the table of this width, and so many bits per weight", async () => {
    const rows = await rowsOf(...MODEL, ...INPUT, "--vary", "bits=8,fp16,int32,fp32");
    const named = ["horowitz-45nm-int8", "horowitz-45nm-fp16", "horowitz-45nm-int32", "horowitz-45nm"];
    const byTable = await rowsOf(...MODEL, ...INPUT, "--vary", `table=${named.join(",")}`);
    const energies = (all: readonly Row[]) => all.map((row) => [row["event_J"], row["statten_J"], row["weight_bytes"]]);
    expect(energies(rows)).toEqual(energies(byTable));
    expect(rows.map((row) => row["table"])).toEqual(named);
    // All that is in the checkpoint but batch norms, and a convolution that no output depends on: kernels, matrices, their biases.
    const tensors = [...digitsCheckpoint().tensors].filter(([name]) => !/_bn\d?\.|talking_heads/.test(name));
    const parameters = tensors.reduce((n, [, { shape }]) => n + shape.reduce((a, b) => a * b, 1), 0);
    expect(rows.map((row) => row["weight_bytes"])).toEqual([1, 2, 4, 4].map((bytes) => bytes * parameters));
    for (const [i, table] of named.entries())
      expectSame(rows[i]!, await separate(...MODEL, ...INPUT, ...EVENT, "--table", table));
  });

  it("carry the range of a price", async () => {
    const { events, ...table } = builtInTable();
    const ac = { ...events.ac!, range: [0.5e-12, 2e-12] };
    writeFileSync(at("ranged.json"), JSON.stringify({ ...table, events: { ...events, ac } }));
    const [ranged, plain] = await rowsOf(
      ...MODEL,
      ...INPUT,
      ...EVENT,
      "--vary",
      `table=${at("ranged.json")},horowitz-45nm`,
    );
    const additions = Number(plain!["event_ac"]);
    expect(ranged!["event_J"]).toBe(plain!["event_J"]);
    for (const [name, joules] of [
      ["event_J_low", 0.5e-12],
      ["event_J_high", 2e-12],
    ] as const) {
      const moved = Number(ranged![name]) - Number(plain!["event_J"]);
      expect(moved / (additions * (joules - 0.9e-12))).toBeCloseTo(1, 9);
      expect(plain!).not.toHaveProperty(name);
    }
    const text = await energy(...MODEL, ...INPUT, ...EVENT, "--table", at("ranged.json"));
    expect(text.out).toMatch(/^total( +\S+ nJ \(\S+ nJ–\S+ µJ\)){2}$/m);
  });

  it("are written as CSV and drawn, a bar per row and convention", async () => {
    const files = ["--csv", at("rows.csv"), "--plot", at("rows.html")];
    const axes = ["--vary", "rate=0.5,1,2", "--vary", "k=8,all", "--vary", "timesteps=2,4"];
    const { code, out } = await energy(...MODEL, ...INPUT, ...axes, ...files);
    expect(code).toBe(0);
    expect(out).toContain("as an expectation");
    expect(out).toContain("selections are counted by the simulated chip, not here: tokens.score, tokens.top-k");
    const [header = "", ...lines] = readFileSync(at("rows.csv"), "utf8").trimEnd().split("\n");
    const columns = header.split(",");
    expect(columns.slice(0, 3)).toEqual(["rate", "k", "timesteps"]);
    expect(lines).toHaveLength(12);
    expect(lines.every((line) => line.split(",").length === columns.length)).toBe(true);
    const json = await rowsOf(...MODEL, ...INPUT, ...axes);
    expect(lines).toEqual(json.map((row) => columns.map((name) => row[name] ?? "").join(",")));

    const drawn = elementsOf(readXml(readFileSync(at("rows.html"), "utf8")));
    const bars = drawn.filter(({ attributes }) => attributes.get("class") === "bar");
    const values = bars.map(({ attributes }) => Number(attributes.get("data-value")));
    // A panel per k and timesteps, in it a group per rate.
    const panels = json.slice(0, 4);
    const wanted = panels.flatMap(({ k, timesteps }) =>
      json.filter((row) => row["k"] === k && row["timesteps"] === timesteps),
    );
    expect(values).toEqual(wanted.flatMap((row) => [row["event_J"], row["statten_J"]]));
    const captions = drawn.filter(({ name }) => name === "figcaption").map(textOf);
    expect(captions).toEqual(panels.map(({ k, timesteps }) => `k = ${k}, timesteps = ${timesteps}`));
  });
});

/** The shape of the example, and rates as if they were published: four timesteps, or one number for all. */
const SHAPE = digitsModel();
const SETTINGS = [...SHAPE.settings.entries].flatMap(([name, { value }]) => ["--set", `${name}=${String(value)}`]);

function rateTable(change: (rates: readonly number[]) => readonly number[] = (rates) => rates): readonly string[] {
  const names = SHAPE.net.ops.flatMap(({ layer }) => layer?.name ?? []);
  const layers = names.map((name, i) => [name, change([0.1, 0.2, 0.15, 0.05 * (i % 7)])]);
  const table = { name: "made up", source: "this test", layers: Object.fromEntries(layers) };
  const file = at(`rates-${randomUUID()}.json`);
  writeFileSync(file, JSON.stringify(table));
  return ["--from-rates", file, "--arch", "statten", ...SETTINGS];
}

describe("what-ifs of published rates", () => {
  it("scale rates and take the first timesteps as tables of such rates would have it", async () => {
    const axes = ["--vary", "timesteps=2,4", "--vary", "rate=0.5,1"];
    const rows = await rowsOf(...rateTable(), ...axes);
    expect(rows).toHaveLength(4);
    for (const row of rows) {
      const timesteps = Number(row["timesteps"]);
      const rates = rateTable((all) => all.slice(0, timesteps).map((rate) => Number(row["rate"]) * rate));
      expectSame(row, await separate(...rates, "--set", `timesteps=${timesteps}`));
    }
    expect(new Set(rows.map((row) => row["statten_J"])).size).toBe(4);
  });

  it("are priced by other tables and widths, and no count depends on the chunk", async () => {
    const given = rateTable();
    const [one, four] = await rowsOf(...given, "--vary", "chunk=1,4");
    expect({ ...one, chunk: 4 }).toEqual(four);
    for (const row of await rowsOf(...given, "--vary", "bits=8,32"))
      expectSame(row, await separate(...given, "--table", String(row["table"])));
  });
});

describe("what-ifs refuse", () => {
  it.each([
    [["--vary", "rates=1"], "did you mean `rate`?"],
    [["--vary", "rate"], "`rate` is no AXIS=VALUE"],
    [["--vary", "rate=-1"], "`rate` cannot be `-1`"],
    [["--vary", "rate=1,1.0"], "gives a value twice"],
    [["--vary", "rate=1", "--vary", "rate=2"], "`rate` is varied twice"],
    [["--vary", "bits=4"], "it takes fp32, int8, fp16, int32"],
    [["--vary", "bits=8,int8"], "gives a value twice"],
    [["--vary", "bits=8", "--vary", "table=sata"], "both choose the prices"],
    [["--vary", "table=horowitz"], "no energy table `horowitz`"],
    [["--vary", "timesteps=0"], "it takes positive integers"],
    [["--vary", "chunk=1,3"], "there is no network with chunk = 3"],
    [["--vary", "timesteps=2", "--vary", "chunk=4"], "there is no network with timesteps = 2, chunk = 4"],
    [["--vary", "k=17"], "use k = 1 to 16"],
    [["--vary", "k=8", "--convention", "spikingformer"], "`spikingformer` has no figure for k = 8"],
    [["--vary", "rate=50"], "and no rate is above 1"],
    [["--vary", "rate=1", "--csv", digitsPath("test-images.npy")], "is an input of this command"],
    [["--vary", "rate=1", "--plot", "no/such/folder.html"], "there is no folder"],
  ] as const)("%j, before anything is printed", async (args, message) => {
    const done = await energy(...MODEL, ...INPUT, ...args);
    expect([done.code, done.out]).toEqual([1, ""]);
    expect(done.err).toContain(message);
  });

  it("the highest rate is legal up to the limit that the message gives", async () => {
    const { err } = await energy(...MODEL, ...INPUT, "--vary", "rate=50");
    const limit = Number(/use rates up to ([\d.]+)/.exec(err)?.[1]);
    expect((await energy(...MODEL, ...INPUT, "--vary", `rate=${limit}`)).code).toBe(0);
    expect((await energy(...MODEL, ...INPUT, "--vary", `rate=${limit + 0.001}`)).code).toBe(1);
  });

  it("more timesteps than rates were given for, and tokens that rates do not tell apart", async () => {
    const given = rateTable();
    const long = await energy(...given, "--vary", "timesteps=4,8");
    expect([long.code, long.out]).toEqual([1, ""]);
    expect(long.err).toContain("has rates of 4 timesteps, too few for 8");
    expect((await energy(...given, "--vary", "k=8")).err).toContain("do not say which tokens fire");
  });

  it("settings of IR text, which has none", async () => {
    await spikec("opt", ...MODEL, "-p", "import", "-o", at("net.snn"));
    const done = await energy(at("net.snn"), ...INPUT, "--vary", "timesteps=2");
    expect([done.code, done.out]).toEqual([1, ""]);
    expect(done.err).toContain("start from the checkpoint");
    expect((await energy(at("net.snn"), ...INPUT, "--vary", "rate=1", "--vary", "k=8")).code).toBe(0);
  });

  it.each([
    ["run.json", "--vary", "rate=1"],
    [...MODEL, ...INPUT, "--csv", "x.csv"],
    [...MODEL, ...INPUT, "--plot", "x.html"],
    [...MODEL, ...INPUT, "--vary", "rate=1", "--ann"],
    [...MODEL, ...INPUT, "--vary", "rate=1", "--explain"],
    [...MODEL, ...INPUT, "--vary", "table=sata", "--table", "sata"],
    [...MODEL, ...INPUT, "--vary", "bits=8", "--table", "sata"],
  ])("what has no effect: %j", async (...args) => {
    const done = await energy(...args);
    expect([done.code, done.out]).toEqual([2, ""]);
    expect(done.err).toContain("mean");
  });
});
