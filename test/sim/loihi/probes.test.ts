import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEvent } from "../../../src/sim/loihi/event/index.js";
import { placeOf, placesOf } from "../../../src/sim/loihi/places.js";
import { loihiProbes, membraneAt } from "../../../src/sim/loihi/probes.js";
import { parseProbe } from "../../../src/sim/probes.js";
import { loihiCases } from "./random-programs.js";

/** As compiled programs have it: each population is a layer. */
const cases = () =>
  loihiCases().map(({ program, inputs }) => {
    const populations = program.populations.map((population, layer) => ({ ...population, layer }));
    return { program: { ...program, populations }, inputs };
  });

describe("in random programs", () => {
  it("every neuron of a layer lies where its core says", () => {
    fc.assert(
      fc.property(cases(), ({ program }) => {
        for (const [layer, { channels }] of program.layers.entries()) {
          const places = placesOf(program, layer);
          expect(placeOf(places, channels)).toBeUndefined();
          for (let neuron = 0; neuron < channels; neuron++) {
            const place = placeOf(places, neuron);
            const core = place && program.cores[place.core]!;
            if (core?.kind !== "neuro") {
              expect(program.layers[layer]!.kind).toBe("attention");
              continue;
            }
            const group = core.groups.findLast(({ first }) => first <= place!.compartment)!;
            expect(program.populations[group.population]!.layer).toBe(layer);
            expect(group.neurons[place!.compartment - group.first]).toBe(neuron);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("probes show the states that the run kept, of a layer or of one neuron", () => {
    fc.assert(
      fc.property(cases(), fc.nat(), ({ program, inputs }, any) => {
        const { states, spikes } = createEvent(program).run(inputs, { record: true, states: true });
        for (const [layer, { name, channels, kind, recorded }] of program.layers.entries()) {
          if (kind !== "neuron") {
            expect(() => parseProbe(name, program)).toThrow("has no neurons");
            continue;
          }
          const neuron = any % channels;
          const targets = [parseProbe(name, program), parseProbe(`${name}:${neuron}`, program)];
          const [all, one] = loihiProbes(program, states, targets);
          const kept = states!.get(program.populations[layer]!.name)!;
          expect([all!.u, all!.v]).toEqual([[...kept.u], [...kept.v]]);
          if (recorded) expect(all!.spikes).toEqual([...spikes!.get(name)!]);
          for (let t = 0; t < program.timesteps; t++) {
            const state = membraneAt(all!, t, neuron)!;
            expect(membraneAt(one!, t, neuron)).toEqual(state);
            expect(membraneAt(one!, t, neuron + 1)).toBeUndefined();
            expect(state.after).toBe(kept.v[t * channels + neuron]);
            expect(state.before).toBe(t === 0 ? 0 : kept.v[(t - 1) * channels + neuron]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
