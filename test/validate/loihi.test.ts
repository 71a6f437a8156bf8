import { describe, expect, it } from "vitest";
import { LOIHI } from "../../src/backends/index.js";
import type { Deployed } from "../../src/backends/loihi/index.js";
import type { LoihiProgram, NeuroCore } from "../../src/backends/program/loihi/program.js";
import { readChip, type LoihiChip } from "../../src/chips/index.js";
import { Report } from "../../src/diagnostics/index.js";
import { writeHostNet } from "../../src/host/index.js";
import { netTimesteps } from "../../src/ir/index.js";
import { legalAgainstIntegers, loihiAgainstEvaluator, loihiRungs } from "../../src/validate/loihi-rungs.js";
import { runNamed } from "../../src/validate/rung.js";
import { digitsArray, digitsModel } from "../support/digits.js";

const images = digitsArray("test-images.npy");
const { net } = digitsModel();
const recorded = { input: images, samples: 2 };

function chip(name: string): LoihiChip {
  const found = readChip(name, new Report(), "loihi");
  if (found === undefined) throw new Error(`no chip ${name}`);
  return found;
}

const ATTENTION = chip("loihi1+attention");

function deployed(on = ATTENTION): Deployed & { integers: typeof net } {
  const { result } = runNamed(LOIHI.passesFor(on, netTimesteps(net)), net, recorded);
  const report = new Report();
  const found = result && LOIHI.compile(result, on, { writeHost: writeHostNet }, report);
  if (result === undefined || found === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  return { ...found, integers: result };
}

const wrong = ({ layers }: ReturnType<typeof legalAgainstIntegers>): number =>
  layers.reduce((sum, { mismatches }) => sum + mismatches, 0);

describe("the trained digits on a step-by-step chip with attention cores", () => {
  it("fires every spike of the evaluator, in both modes of attention, in both simulators", () => {
    const lockstep = { ...ATTENTION, attention: { ...ATTENTION.attention!, mode: "lockstep" as const } };
    const details = [ATTENTION, lockstep].map((on) => {
      const report = new Report();
      const rungs = loihiRungs(on, net, recorded, report);
      expect(report.errors).toEqual([]);
      expect(rungs.map(({ name, status }) => `${status} ${name}`)).toEqual([
        `passed chip ${on.name}, legalised`,
        `passed chip ${on.name}, event`,
        `passed chip ${on.name}, stepped`,
      ]);
      const [legalised, event] = rungs;
      expect(legalised!.layers).toHaveLength(12);
      // The first three neurons are the host's.
      expect(event!.layers).toHaveLength(9);
      expect(event!.layers.reduce((sum, { spikes }) => sum + spikes, 0)).toBeGreaterThan(1000);
      return event!.detail;
    });
    // Lockstep stops the chip: the same spikes and messages in more time.
    const [fast, slow] = details.map((detail) => Number(/([\d,]+) ns/.exec(detail)![1]!.replaceAll(",", "")));
    const messages = details.map((detail) => /([\d,]+) messages/.exec(detail)![1]);
    expect(slow).toBeGreaterThan(fast!);
    expect(messages[0]).toBe(messages[1]);
  });

  it("is found to differ where one threshold of the program differs", () => {
    const { program, legal } = deployed();
    expect(wrong(loihiAgainstEvaluator(program, legal, recorded))).toBe(0);
    // A queries' neuron that fires whatever arrives: its potential is above -1 from the start.
    const layer = program.layers.findIndex(({ name }) => name === "block.0.attn.q_lif");
    const population = program.populations.findIndex((p) => p.layer === layer);
    const cores = program.cores.map((core): LoihiProgram["cores"][number] => {
      if (core.kind !== "neuro") return core;
      const groups = core.groups.map((group): NeuroCore["groups"][number] =>
        group.population === population ? { ...group, threshold: group.threshold.map(() => 64) } : group,
      );
      return { ...core, groups };
    });
    const { layers } = loihiAgainstEvaluator({ ...program, cores }, legal, recorded);
    const differing = layers.filter(({ mismatches }) => mismatches > 0).map(({ name }) => name);
    expect(differing[0]).toBe("block.0.attn.q_lif");
  });

  it("is found to differ where one weight of the legal net differs from the integer net", () => {
    const { integers, legal } = deployed();
    const constants = new Map(
      [...legal.net.constants].map(([name, constant]) => [
        name,
        constant.kind === "weights" ? { ...constant, mantissa: constant.mantissa.map((m) => 2 * m) } : constant,
      ]),
    );
    expect(wrong(legalAgainstIntegers(integers, legal, recorded))).toBe(0);
    expect(
      wrong(legalAgainstIntegers(integers, { ...legal, net: { ...legal.net, constants } }, recorded)),
    ).toBeGreaterThan(0);
  });
});

describe("chips that cannot", () => {
  it.each([
    ["loihi1", /768 integers in .* per timestep .* messages without payload/],
    ["loihi2", /attention/],
  ])("%s refuses with the numbers", (name, message) => {
    const report = new Report();
    const rungs = loihiRungs(chip(name), net, recorded, report);
    expect(rungs.map(({ status }) => status)).toEqual(["failed"]);
    expect(report.errors.some((d) => message.test(d.message) && d.hint !== undefined)).toBe(true);
  });
});
