import type { Core, LoihiProgram } from "../backends/program/loihi/program.js";
import { coreMemory } from "../report/memory/loihi.js";
import { count, table } from "./text.js";

/** A program for a step-by-step chip for people: its mesh drawn, its cores with what they hold, its populations. */

/** Letters of neuro-cores in the drawing, in the order of the program; digits would read as counts. */
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

interface CoreFacts {
  readonly populations: readonly number[];
  readonly compartments: number;
  readonly inputAxons: number;
  readonly outputAxons: number;
  readonly synapses: number;
  readonly bits: number;
}

function factsOf(core: Core, program: LoihiProgram): CoreFacts {
  const { compartments, inputAxons, outputAxons, synapses, weights, addressing } = coreMemory(core, program);
  const populations =
    core.kind === "attention" ? [core.population] : [...new Set(core.groups.map(({ population }) => population))];
  return { populations, compartments, inputAxons, outputAxons, synapses, bits: weights + addressing };
}

/** The mark of each core: a letter of its first population, `*` where there are more populations than letters, `#` for attention. */
function markOf(core: Core, { populations: [first = 0] }: CoreFacts): string {
  return core.kind === "attention" ? "#" : (LETTERS[first] ?? "*");
}

/** The mesh, a cell per router with a place per core: a mark where a core of the program lies, `.` where none does. */
export function meshText(program: LoihiProgram): string {
  const { tilesX, tilesY, chipsX, chipsY, coresPerTile } = program.chip.mesh;
  const width = tilesX * chipsX;
  const cells = Array.from({ length: width * tilesY * chipsY }, () => Array.from({ length: coresPerTile }, () => "."));
  for (const core of program.cores) cells[core.tile]![core.slot] = markOf(core, factsOf(core, program));
  const lines: string[] = [];
  for (let y = 0; y < tilesY * chipsY; y++) {
    if (y > 0 && y % tilesY === 0) lines.push("");
    const row = Array.from({ length: width }, (_, x) => {
      const cell = cells[y * width + x]!.join("");
      return x > 0 && x % tilesX === 0 ? `  ${cell}` : cell;
    });
    lines.push(row.join(" "));
  }
  return lines.join("\n");
}

/** Names of populations; a core's column has room for few. */
function namesOf(populations: readonly number[], program: LoihiProgram): string {
  const names = populations.map((p) => program.populations[p]!.name);
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}

export function loihiProgramText(path: string, program: LoihiProgram): string {
  const { chip, cores, populations, layers, inputs, outputs, notes } = program;
  const facts = cores.map((core) => factsOf(core, program));
  const coreRows = cores.map((core, i) => {
    const { populations: own, compartments, inputAxons, outputAxons, synapses, bits } = facts[i]!;
    const numbers = [compartments, inputAxons, outputAxons, synapses, bits].map(count);
    return [String(i), markOf(core, facts[i]!), `${core.tile}.${core.slot}`, ...numbers, namesOf(own, program)];
  });
  const { core: limits } = chip;
  const most = [limits.compartments, limits.inputAxons, limits.outputAxons].map(count);
  return [
    `${path}: net @${program.name} for ${chip.name}, ${program.timesteps} timesteps in ${program.steps} steps`,
    `${count(cores.length)} cores, ${count(populations.reduce((sum, { neurons }) => sum + neurons, 0))} neurons`,
    ...inputs.map(
      ({ name, shape, format, start }) => `input  ${name}: ${shape.join("x")} ${format}, from step ${start}`,
    ),
    ...outputs.map(({ name, shape }) => `output ${name}: ${shape.join("x")} spikes`),
    "",
    "mesh; a letter is a core of the population below, # an attention core",
    meshText(program),
    "",
    table([
      ["core", "mark", "tile.slot", "compartments", "in axons", "out axons", "synapses", "synapse bits", "populations"],
      ...coreRows,
      ["of", "", "", ...most, "", count(limits.synapseBits), "in a core"],
    ]),
    "",
    table([
      ["population", "mark", "layer", "neurons", "steps"],
      ...populations.map(({ name, layer, neurons, start }, i) => [
        name,
        LETTERS[i] ?? "*",
        layers[layer]!.name,
        count(neurons),
        `${start}..${start + program.timesteps - 1}`,
      ]),
    ]),
    "",
    ...notes,
  ].join("\n");
}

/** The same as plain values; tables of synapses as their sizes. */
export function loihiProgramJson(program: LoihiProgram): object {
  const { cores, inputs, host, ...rest } = program;
  return {
    ...rest,
    inputs: inputs.map(({ name, format, shape, start }) => ({ name, format, shape, start })),
    cores: cores.map((core) => ({ kind: core.kind, tile: core.tile, slot: core.slot, ...factsOf(core, program) })),
    host: { prefix: host.prefix?.text, suffix: host.suffix?.text, wiring: host.wiring },
  };
}
