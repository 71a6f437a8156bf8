import { describe, expect, it } from "vitest";
import { checkLimits } from "../../../src/backends/program/loihi/limits.js";
import type { LoihiProgram } from "../../../src/backends/program/loihi/program.js";
import { loihiMemory, type CoreMemory, type HeldBits } from "../../../src/report/memory/loihi.js";
import { Random } from "../../backends/layerwise/nets.js";
import { mapped, randomChip, randomLegal } from "../../backends/loihi/map/support.js";

function* programs(): Generator<LoihiProgram> {
  for (let seed = 1; seed <= 60; seed++) {
    const chip = randomChip(new Random(seed));
    const legal = randomLegal(seed, chip);
    const program = legal === undefined || legal.populations.length === 0 ? undefined : mapped(legal, chip);
    if (program !== undefined) yield program;
  }
}

const all = [...programs()];

/** The most that any core of a kind holds of something. */
const most = (cores: readonly CoreMemory[], kind: CoreMemory["kind"], of: (core: CoreMemory) => number): number =>
  cores.reduce((max, core) => (core.kind === kind ? Math.max(max, of(core)) : max), 0);

type Chip = LoihiProgram["chip"];

/** A limit of the chip, and what a core holds of it. */
const LIMITS: readonly {
  readonly name: string;
  readonly kind: CoreMemory["kind"];
  readonly of: (held: HeldBits, chip: Chip) => number;
  readonly set: (chip: Chip, limit: number) => Chip;
  readonly fault: string;
}[] = [
  {
    name: "synapse memory",
    kind: "neuro",
    of: ({ weights, addressing }) => weights + addressing,
    set: (chip, synapseBits) => ({ ...chip, core: { ...chip.core, synapseBits } }),
    fault: "bits of synapse memory",
  },
  {
    name: "compartments",
    kind: "neuro",
    of: ({ compartments }) => compartments,
    set: (chip, compartments) => ({ ...chip, core: { ...chip.core, compartments } }),
    fault: "compartments",
  },
  {
    name: "input axons",
    kind: "neuro",
    of: ({ inputAxons }) => inputAxons,
    set: (chip, inputAxons) => ({ ...chip, core: { ...chip.core, inputAxons } }),
    fault: "input axons",
  },
  {
    name: "output axons",
    kind: "neuro",
    of: ({ outputAxons }) => outputAxons,
    set: (chip, outputAxons) => ({ ...chip, core: { ...chip.core, outputAxons } }),
    fault: "output axons",
  },
  {
    name: "bits of queries",
    kind: "attention",
    of: ({ queries }) => queries,
    set: (chip, queryBits) => ({ ...chip, attention: { ...chip.attention!, queryBits } }),
    fault: "bits of queries",
  },
];

describe("the memory of a program for a step-by-step chip", () => {
  it.each(LIMITS)("is exactly what the limit of $name has to be", ({ kind, of, set, fault }) => {
    let tried = 0;
    for (const program of all) {
      const held = most(loihiMemory(program).cores, kind, (core) => of(core, program.chip));
      if (held === 0) continue;
      const faults = (limit: number): readonly string[] =>
        checkLimits({ ...program, chip: set(program.chip, limit) }).filter((text) =>
          text.includes(` ${fault}, it has`),
        );
      expect(faults(held)).toEqual([]);
      expect(faults(held - 1)).not.toEqual([]);
      tried++;
    }
    expect(tried).toBeGreaterThan(kind === "neuro" ? 15 : 3);
  });

  it("adds up over cores and over layers", () => {
    for (const program of all) {
      const { cores, layers, total } = loihiMemory(program);
      for (const field of Object.keys(total) as (keyof HeldBits)[]) {
        expect(layers.reduce((sum, layer) => sum + layer[field], 0)).toBe(total[field]);
        expect(cores.reduce((sum, core) => sum + core[field], 0)).toBe(total[field]);
      }
      // Every neuron has a compartment but those of attention cores, which have none.
      const computed = new Set(program.cores.flatMap((core) => (core.kind === "attention" ? [core.population] : [])));
      const neurons = program.populations.reduce((sum, { neurons: n }, i) => sum + (computed.has(i) ? 0 : n), 0);
      expect(total.compartments).toBe(neurons);
      expect(total.potentials).toBe(neurons * program.chip.numerics.stateBits);
      const stored = program.cores.flatMap((core) => (core.kind === "neuro" ? [core.lists.target.length] : []));
      expect(total.synapses).toBe(stored.reduce((sum, n) => sum + n, 0));
    }
  });

  it("gives each layer the lists that end in it", () => {
    for (const program of all) {
      const { layers } = loihiMemory(program);
      const reached = new Map<string, number>();
      for (const core of program.cores) {
        if (core.kind !== "neuro") continue;
        core.axons.list.forEach((list, entry) => {
          const target = core.axons.base[entry]! + core.lists.target[core.lists.start[list]!]!;
          const group = core.groups.find(({ first, neurons }) => first <= target && target < first + neurons.length)!;
          const { name } = program.layers[program.populations[group.population]!.layer]!;
          reached.set(name, (reached.get(name) ?? 0) + 1);
        });
      }
      for (const [name, entries] of reached) {
        const row = layers.find(({ layer }) => layer === name)!;
        const attention = program.cores.some(
          (core) =>
            core.kind === "attention" && program.layers[program.populations[core.population]!.layer]!.name === name,
        );
        if (!attention) expect(row.inputAxons).toBe(entries);
      }
    }
  });

  it("holds counters of one set, or of two where chunks overlap", () => {
    let [one, two] = [0, 0];
    for (const { chip, cores, timesteps, ...rest } of all) {
      for (const mode of ["pipelined", "lockstep"] as const) {
        const program = { ...rest, cores, timesteps, chip: { ...chip, attention: { ...chip.attention!, mode } } };
        loihiMemory(program).cores.forEach((held, i) => {
          const core = cores[i]!;
          if (core.kind !== "attention") return;
          const set = core.heads * core.headDim ** 2 * chip.attention!.counterBits;
          const sets = mode === "pipelined" && core.chunk < timesteps ? 2 : 1;
          expect(held.counters).toBe(sets * set);
          if (sets === 1) one++;
          else two++;
        });
      }
    }
    expect(Math.min(one, two)).toBeGreaterThan(0);
  });
});
