import { describe, expect, it } from "vitest";
import { readChip, type LoihiChip } from "../src/chips/index.js";
import { Report } from "../src/diagnostics/index.js";
import { loihiRungs } from "../src/validate/loihi-rungs.js";
import { importCase } from "./support/golden.js";
import { needShared } from "./support/shared.js";

/** Recorded cases on step-by-step chips: legal net, chip and both simulators, every recorded neuron, every local timestep. */

function chip(name: string, change: (chip: LoihiChip) => LoihiChip = (same) => same): LoihiChip {
  const found = readChip(name, new Report(), "loihi");
  if (found === undefined) throw new Error(`no chip ${name}`);
  return change(found);
}

const lockstep = (on: LoihiChip): LoihiChip => ({ ...on, attention: { ...on.attention!, mode: "lockstep" } });

describe("statten-tiny on a step-by-step chip with attention cores", () => {
  it.for([
    ["pipelined", chip("loihi1+attention")],
    ["lockstep", chip("loihi1+attention", lockstep)],
  ] as const)("%s: no spike differs", ([_mode, on], context) => {
    const { net, recorded } = importCase(needShared(context), "statten-tiny");
    const report = new Report();
    const rungs = loihiRungs(on, net, recorded, report);
    for (const { name, status, detail } of rungs) process.stderr.write(`${status} ${name}: ${detail}\n`);
    expect(rungs.map(({ status }) => status)).toEqual(["passed", "passed", "passed"]);
    expect(rungs[1]!.layers).toHaveLength(9);
  });
});

describe("chips that cannot", () => {
  it.for([
    ["sdt-cifar", "loihi1", "8192 integers"],
    ["statten-tiny", "loihi2", "attention"],
    ["statten-grid12", "loihi1+attention", "-296064 * 2^1, a register holds 12 bits"],
  ] as const)("%s does not run on %s, with the numbers", ([name, on, why], context) => {
    const { net, recorded } = importCase(needShared(context), name);
    const report = new Report();
    const [rung] = loihiRungs(chip(on), net, recorded, report);
    expect(rung!.status).toBe("failed");
    const messages = report.errors.map(({ message }) => message).join("\n");
    expect(messages).toContain(why);
    expect(report.errors.every(({ hint }) => hint !== undefined)).toBe(true);
  });
});
