import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { compileLayerwise } from "../src/backends/layerwise/index.js";
import type { Program } from "../src/backends/program/index.js";
import { readChip } from "../src/chips/index.js";
import { renderDiagnostic, Report } from "../src/diagnostics/index.js";
import { createStepped, type RunResult } from "../src/sim/layerwise/index.js";
import {
  addAccumulate,
  fireCycles,
  only,
  transferBytes,
  WaitTracer,
  weightedWords,
  type AdderCycles,
} from "./support/account.js";
import {
  LENET5,
  netOf,
  onesOf,
  publishedFigures,
  readSpikeMaps,
  TIMESTEPS,
  WEIGHT_BITS,
  type PublishedFigures,
  type PublishedLayer,
  type SpikeMap,
} from "./support/prosperity.js";
import { hasShared, needShared, ROOT, SHARED } from "./support/shared.js";

/**
 * LeNet5's spike maps on the chip `prosperity`, against the figures of Prosperity's simulator in bit-sparse mode: additions
 * and DRAM bits are the published ones, and what our machine does otherwise is listed term by term. docs/chips.md
 * explains the terms.
 */

/** The published totals: additions and cycles in bit-sparse mode, DRAM bits in any mode (energy-hardware sheet, V5, V6b). */
const PUBLISHED = { additions: 3_465_016, dramBits: 1_098_864, cycles: 183_492 };

/** Timesteps per time block, so that a band of the convolution's input fits into 8 KB of spike memory. */
const TIME_BLOCK: Readonly<Record<string, number>> = { conv2: 4 };

/** The threshold that makes spikes of the integers that come in is the first op. */
const INPUT_LAYER = 0;

interface Ran {
  readonly layer: PublishedLayer;
  readonly map: SpikeMap;
  readonly published: PublishedFigures;
  readonly program: Program;
  readonly result: RunResult;
  readonly tracer: WaitTracer;
}

function run(layer: PublishedLayer, map: SpikeMap): Ran {
  const report = new Report();
  const chip = readChip("prosperity", report, "layerwise");
  const timeBlock = TIME_BLOCK[layer.name];
  const options = timeBlock === undefined ? {} : { timeBlock };
  const program = chip === undefined ? undefined : compileLayerwise(netOf(layer), chip, options, report);
  if (program === undefined) throw new Error(report.diagnostics.map(renderDiagnostic).join("\n"));
  const tracer = new WaitTracer(program);
  const result = createStepped(program).run(new Map([["x", map.values]]), { trace: tracer.trace });
  return { layer, map, published: publishedFigures(layer, onesOf(layer, map)), program, result, tracer };
}

let ran: readonly Ran[] = [];
beforeAll(() => {
  if (!hasShared()) return;
  const maps = readSpikeMaps(SHARED);
  ran = LENET5.map((layer) => run(layer, maps.get(layer.name)!));
});

/** The layer of the weighted op; loads and stores of its maps are attributed to it. */
const weightedLayer = ({ layers }: Program): number => layers.findIndex(({ kind }) => kind.startsWith("synapse."));

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

type Terms = Readonly<Record<string, number>>;

/** Terms layer by layer, a row each, with their sums, as docs/chips.md has them. */
function tableOf(title: string, terms: readonly Terms[]): string {
  const line = (name: string, values: readonly number[]): string =>
    `| ${[name, ...[...values, sum(values)].map((n) => (n === 0 ? "0" : n.toLocaleString("en-US")))].join(" | ")} |`;
  const totals = terms.map((t) => sum(Object.values(t)));
  return [
    `| ${[title, ...LENET5.map(({ name }) => name), "all"].join(" | ")} |`,
    "|---|---:|---:|---:|---:|",
    ...Object.keys(terms[0] ?? {}).map((name) =>
      line(
        name,
        terms.map((t) => t[name] ?? 0),
      ),
    ),
    line("sum", totals),
  ].join("\n");
}

/** Prints tables; the page must have them. */
function holdsPage(tables: readonly string[]): void {
  process.stderr.write(`\n${tables.join("\n\n")}\n`);
  const page = readFileSync(join(ROOT, "docs", "chips.md"), "utf8");
  expect(tables.filter((table) => !page.includes(table))).toEqual([]);
}

/** Theirs by their rule, and then what we move more or less. All in bits. */
function dramTerms({ layer, published, program }: Ran): { theirs: Terms; difference: Terms } {
  const { side, outSide, kernel, channels, outputs } = layer;
  const { lanes } = program.chip;
  const { dram, tiles } = published;
  const k = kernel * kernel * channels;
  const weights = k * outputs;
  const inputWords = TIMESTEPS * side * side * Math.ceil(channels / lanes);
  // A band of output rows reads kernel - 1 input rows that the band before it has read too.
  const bandRows = new Map(only(program, "accumulate").map(({ fields }) => [fields.outRow, fields.outRows]));
  const rereadRows = sum([...bandRows.values()].map((rows) => rows + kernel - 1)) - side;
  const spilledIn = transferBytes(program, "store", "spike", INPUT_LAYER) > 0;
  const spilledOut = transferBytes(program, "store", "spike", weightedLayer(program)) > 0;
  const spikesOut = TIMESTEPS * outSide * outSide * lanes;
  return {
    theirs: {
      "weights, once per tile": dram.weights,
      "spikes in, once per tile": dram.spikesIn,
      "spikes out": dram.spikesOut,
    },
    difference: {
      "weights: fetched once, not once per 256 rows": -(tiles.m - 1) * weights * WEIGHT_BITS,
      "weights: lanes without an output": k * (lanes - outputs) * WEIGHT_BITS,
      "weights: exponents and biases": weightedWords(program.chip) * lanes * WEIGHT_BITS,
      "spikes in: theirs": -dram.spikesIn,
      "spikes in: come as integers of 32 bits": inputWords * lanes * 32,
      "spikes in: bits of 128 lanes go out and come back": spilledIn ? 2 * inputWords * lanes : 0,
      "spikes in: rows that two bands read": spilledIn ? TIMESTEPS * rereadRows * side * lanes : 0,
      "spikes out: theirs": -dram.spikesOut,
      "spikes out: bits of 128 lanes go out": spilledOut ? spikesOut : 0,
      "read-out: spikes come back to be counted": spilledOut ? spikesOut : 0,
      "read-out: counts go out as integers of 32 bits": TIMESTEPS * lanes * 32,
    },
  };
}

function scanBits({ layer, map, program }: Ran) {
  const { lanes } = program.chip;
  return (t: number, y: number, x: number, block: number): number => {
    let bits = 0;
    const end = Math.min(layer.channels, (block + 1) * lanes);
    for (let c = block * lanes; c < end; c++) bits += map.at(t, y, x, c);
    return bits;
  };
}

/** Theirs by their rule, and then what we spend more or less. */
function cycleTerms(one: Ran): { theirs: Terms; difference: Terms; adder: AdderCycles } {
  const { published, program, tracer } = one;
  const adder: AdderCycles = { issue: 0, parameters: 0, rows: 0, writes: 0, starved: 0 };
  for (const instruction of only(program, "accumulate")) addAccumulate(adder, instruction, program.chip, scanBits(one));
  const { load, fire, readOut, handOver } = tracer.waits;
  return {
    theirs: {
      "a row per spike": published.cycles.compute,
      "stall of the first tile": published.cycles.stall,
      "neurons of the last tile": published.cycles.lifTail,
    },
    adder,
    difference: {
      "stall of the first tile: theirs": -published.cycles.stall,
      "neurons of the last tile: theirs": -published.cycles.lifTail,
      "issue of accumulate": adder.issue,
      "parameter words": adder.parameters,
      "write phases": adder.writes,
      "adder without work: the scanner reads empty words": adder.starved,
      "waits while load works": load,
      "waits while fire makes spikes of the input": fire.get("input") ?? 0,
      "waits while fire updates neurons": fire.get(one.layer.name) ?? 0,
      "waits while spikes are counted and stored": readOut,
      "dispatch, issue and tokens between engines": handOver,
    },
  };
}

describe("LeNet5 on the chip `prosperity`, bit-sparse", () => {
  it("does the published additions, layer by layer", (context) => {
    needShared(context);
    for (const { layer, program, result, published } of ran) {
      const at = weightedLayer(program);
      expect([layer.name, sum(result.layers[at]!.events.ac)]).toEqual([layer.name, published.additions]);
      expect(sum(result.layers.flatMap(({ events }) => sum(events.mac)))).toBe(0);
      // Without sharing over timesteps every spike fetches a row of its own.
      expect(sum(result.layers[at]!.events.row)).toBe(published.cycles.compute);
    }
    expect(sum(ran.map(({ published }) => published.additions))).toBe(PUBLISHED.additions);
  });

  it("moves the published DRAM bits by their rule, and ours add up from the difference", (context) => {
    needShared(context);
    const terms = ran.map(dramTerms);
    expect(sum(terms.flatMap(({ theirs }) => Object.values(theirs)))).toBe(PUBLISHED.dramBits);
    for (const [i, { program, result, layer }] of ran.entries()) {
      const ours = 8 * sum(result.layers.map((counts) => counts.dramReadBytes + counts.dramWriteBytes));
      const { theirs, difference } = terms[i]!;
      expect([layer.name, sum(Object.values(theirs)) + sum(Object.values(difference))]).toEqual([layer.name, ours]);
      const weights = transferBytes(program, "load", "weight", weightedLayer(program));
      const { channels, kernel } = layer;
      const words = kernel * kernel * channels + weightedWords(program.chip);
      expect(weights).toBe((words * program.chip.lanes * WEIGHT_BITS) / 8);
    }
    holdsPage([
      tableOf(
        "DRAM bits by Prosperity's rule",
        terms.map(({ theirs }) => theirs),
      ),
      tableOf(
        "DRAM bits: ours minus theirs",
        terms.map(({ difference }) => difference),
      ),
    ]);
  });

  it("takes the published cycles by their rule, and ours add up from the difference", (context) => {
    needShared(context);
    const terms = ran.map(cycleTerms);
    expect(sum(terms.flatMap(({ theirs }) => Object.values(theirs)))).toBe(PUBLISHED.cycles);
    for (const [i, { layer, result, tracer, published, program }] of ran.entries()) {
      const { theirs, difference, adder } = terms[i]!;
      expect([layer.name, adder.rows]).toEqual([layer.name, published.cycles.compute]);
      expect([layer.name, sum(Object.values(adder))]).toEqual([layer.name, tracer.busy]);
      expect([layer.name, tracer.denied]).toEqual([layer.name, 0]);
      expect([layer.name, tracer.fireBusy]).toEqual([
        layer.name,
        sum(only(program, "fire").map((one) => fireCycles(one, program.chip))),
      ]);
      expect([layer.name, sum(Object.values(theirs)) + sum(Object.values(difference))]).toEqual([
        layer.name,
        result.cycles,
      ]);
    }
    holdsPage([
      tableOf(
        "Cycles by Prosperity's rule",
        terms.map(({ theirs }) => theirs),
      ),
      tableOf(
        "Cycles: ours minus theirs",
        terms.map(({ difference }) => difference),
      ),
    ]);
  });
});
