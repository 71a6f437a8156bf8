import { expect } from "vitest";
import { checkHazards, compileLayerwise, type LayerwiseOptions } from "../../../src/backends/layerwise/index.js";
import { checkInstruction } from "../../../src/backends/program/check.js";
import type { Program } from "../../../src/backends/program/program.js";
import type { LayerwiseChip } from "../../../src/chips/layerwise.js";
import { Report, type Diagnostic } from "../../../src/diagnostics/index.js";
import { evaluate, flatten, type Net } from "../../../src/ir/index.js";
import { runBoth } from "../../sim/support.js";
import { regionFaults } from "./check-regions.js";
import { Random, randomInputs } from "./nets.js";

/** Compiles a net that must compile, and checks every instruction, hazard and region of the program. */
export function compiled(net: Net, chip: LayerwiseChip, options: LayerwiseOptions = {}): Program {
  const report = new Report();
  const program = compileLayerwise(net, chip, options, report);
  expect(report.diagnostics.map((d) => d.message)).toEqual([]);
  if (program === undefined) throw new Error("no program");
  for (const [i, instruction] of program.instructions.entries()) {
    const fault = checkInstruction(instruction, program);
    if (fault !== undefined) throw new Error(`instruction ${i} (${instruction.op}): ${fault.message}`);
  }
  expect(checkHazards(program)).toEqual([]);
  expect(regionFaults(program)).toEqual([]);
  return program;
}

/** The diagnostics of a net that must not compile. */
export function refused(net: Net, chip: LayerwiseChip, options: LayerwiseOptions = {}): readonly Diagnostic[] {
  const report = new Report();
  expect(compileLayerwise(net, chip, options, report)).toBeUndefined();
  expect(report.failed).toBe(true);
  return report.diagnostics;
}

/** Runs a program on random inputs and compares outputs and recorded spikes with the evaluator, bit for bit. */
export function expectSame(net: Net, program: Program, seed = 1, samples = 1): { readonly spikes: number } {
  const random = new Random(seed);
  let count = 0;
  for (let sample = 0; sample < samples; sample++) {
    const inputs = randomInputs(net, random);
    const expected = evaluate(net, inputs);
    const result = runBoth(program, inputs, { record: true });
    for (const op of net.ops) {
      if (op.layer === undefined) continue;
      const spikes = flatten(expected.values.get(op.result) ?? []);
      expectEqual(`spikes of ${op.layer.name} (%${op.result})`, result.spikes?.get(op.layer.name), spikes);
      for (const spike of spikes) count += spike;
    }
    for (const [name, value] of expected.outputs) expectEqual(name, result.outputs.get(name), flatten(value));
  }
  return { spikes: count };
}

function expectEqual(what: string, got: ArrayLike<number> | undefined, expected: ArrayLike<number>): void {
  if (got === undefined || got.length !== expected.length) {
    throw new Error(`${what}: ${got?.length} values, expected ${expected.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    if (got[i] !== expected[i]) throw new Error(`${what}: value ${i} is ${got[i]}, expected ${expected[i]}`);
  }
}

/** Compiles, checks and runs. */
export function runs(net: Net, chip: LayerwiseChip, options: LayerwiseOptions = {}): { readonly spikes: number } {
  return expectSame(net, compiled(net, chip, options));
}
