import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLayerwise } from "../../src/backends/layerwise/index.js";
import { DiagnosticError, Report } from "../../src/diagnostics/index.js";
import { evaluate } from "../../src/ir/index.js";
import { createStepped } from "../../src/sim/layerwise/index.js";
import { parseProbe, Probes, stateAt } from "../../src/sim/probes.js";
import { sampleFor } from "../../src/frontend/inputs/channels-last.js";
import { readInputs } from "../../src/frontend/inputs/index.js";
import { netInputs } from "../../src/validate/replay.js";
import { digitsModel, digitsPath, folded } from "../support/digits.js";
import { builtIn } from "./support.js";

const net = folded(digitsModel().net);
const program = compileLayerwise(net, builtIn("layerwise-default"), {}, new Report())!;
const images = readInputs(digitsPath("test-images.npy"), new Report(), { limit: 1 })!.data;
const inputs = new Map(program.inputs.map((port) => [port.name, sampleFor(port, images, 0)]));
const machine = createStepped(program);
const named = net.ops.filter((op) => op.layer !== undefined);

function failure(text: string): { message: string; hint: string | undefined } {
  try {
    parseProbe(text, program);
  } catch (error) {
    if (error instanceof DiagnosticError) return { message: error.message, hint: error.diagnostic.hint };
  }
  throw new Error(`\`${text}\` was taken`);
}

describe("a probed layer", () => {
  const everything = new Probes(
    program,
    named.map((op) => parseProbe(op.layer!.name, program)),
  );
  const probed = machine.run(inputs, { record: true, probe: everything.probe });

  it("changes nothing in the run", () => {
    expect(machine.run(inputs, { record: true })).toEqual(probed);
  });

  it("shows the spikes that were recorded, and the currents that the evaluator computes", () => {
    const { values } = evaluate(net, netInputs(net, images, 0));
    for (const [i, op] of named.entries()) {
      const record = everything.records[i]!;
      expect(record.spikes).toEqual(probed.spikes!.get(op.layer!.name));
      const { type } = net.ops.find((other) => other.result === op.operands[0])!;
      const slots = values.get(op.operands[0]!)!;
      const size = record.positions * record.channels;
      for (let t = 0; t < record.timesteps; t++) {
        const current = Float64Array.from(slots[Math.floor(t / type.time.period)]!);
        expect(record.input.subarray(t * size, (t + 1) * size)).toEqual(current);
      }
    }
  });

  it("carries the potential from timestep to timestep, and spikes where it reaches the threshold", () => {
    for (const record of everything.records) {
      const size = record.positions * record.channels;
      expect(record.before.subarray(size)).toEqual(record.after.subarray(0, record.after.length - size));
      expect(record.spikes.every((s, i) => (s === 1) === record.charged[i]! >= record.threshold[i]!)).toBe(true);
      expect(record.spikes.every((s, i) => s === 1 || record.after[i] === record.charged[i])).toBe(true);
    }
  });

  it("agrees with the probe of any one of its neurons, by number or by position and channel", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.boolean(), (l, n, flat) => {
        const all = everything.records[l % everything.records.length]!;
        const neuron = n % (all.positions * all.channels);
        const place = flat ? `${neuron}` : `${Math.floor(neuron / all.channels)},${neuron % all.channels}`;
        const one = new Probes(program, [parseProbe(`${all.layer}:${place}`, program)]);
        machine.run(inputs, { probe: one.probe });
        for (let t = 0; t < all.timesteps; t++) {
          expect(stateAt(one.records[0]!, t, neuron)).toEqual(stateAt(all, t, neuron));
          expect(stateAt(one.records[0]!, t, neuron + 1)).toBeUndefined();
        }
      }),
      { numRuns: 10 },
    );
  });
});

describe("a probe that names nothing", () => {
  const { name, positions, channels } = program.layers.find((layer) => layer.recorded)!;

  it("gets the nearest layer", () => {
    expect(failure(`${name}x`)).toEqual({
      message: `no layer \`${name}x\` in \`${program.name}\``,
      hint: `did you mean \`${name}\`?`,
    });
  });

  it("learns which layers have neurons", () => {
    const other = program.layers.find((layer) => layer.kind === "reduce.mean-positions")!;
    expect(failure(other.name).message).toBe(`layer \`${other.name}\` has no neurons`);
  });

  it.each([`${positions * channels}`, `${positions},0`, `0,${channels}`])("is told the size for neuron %s", (place) => {
    expect(failure(`${name}:${place}`).message).toContain(`${positions} positions x ${channels} channels`);
    expect(failure(`${name}:${place}`).hint).toContain(`${positions - 1},${channels - 1}`);
  });

  it("may name the last neuron", () => {
    const layer = program.layers.findIndex((candidate) => candidate.name === name);
    const neuron = positions * channels - 1;
    expect(parseProbe(`${name}:${neuron}`, program)).toEqual({ layer, neuron });
    expect(parseProbe(`${name}:${positions - 1},${channels - 1}`, program)).toEqual({ layer, neuron });
  });
});
