import type { LoihiProgram } from "../../backends/program/loihi/program.js";
import { synapseUnit, tileNumber } from "./architecture.js";
import { somaAttributes, UNIT, weightUnit } from "./neuron.js";
import { LEAD, sizeOf, UNIT_NEURONS, type HostGroup, type NeuronPlan, type Plan } from "./plan.js";
import { forEachSynapse, neuroCores, sendersOf } from "./synapses.js";
import { identifier, mapping, range, runs, unit } from "./text.js";

/** The program as SANA-FE's network file: groups of neurons, edges, and where each neuron lies. In pieces: there may be millions. */

/** Spikes by input name, [timesteps, elements]. */
export type InputSpikes = ReadonlyMap<string, ArrayLike<number>>;

export function* networkText(program: LoihiProgram, plan: Plan, inputs: InputSpikes | undefined): Generator<string> {
  yield `network:\n  name: ${identifier("net", program.name)}\n  groups:\n`;
  for (const host of plan.hosts) yield* hostGroup(program, host, inputs);
  for (const [population, neurons] of plan.neurons.entries()) {
    yield `    - name: ${plan.names[population]}\n      attributes: {log_spikes: true}\n      neurons:\n`;
    const attributes = neurons.map((neuron) => neuronAttributes(program, neuron));
    for (const [first, last, text] of runs(attributes)) yield `        - ${range(first, last)}: ${text}\n`;
  }
  yield "  edges:";
  let separator = "\n";
  for (const lines of [synapseEdges(program, plan), biasEdges(plan)]) {
    for (const line of lines) {
      yield separator + line;
      separator = "";
    }
  }
  // A list without items has to say so.
  if (separator !== "") yield " []\n";
  yield "mappings:\n";
  yield* mappings(program, plan);
}

function neuronAttributes({ chip }: LoihiProgram, neuron: NeuronPlan): string {
  const soma = somaAttributes(neuron.group, neuron.index, chip.numerics.profile, neuron);
  return mapping({ synapse_hw_name: synapseUnit(chip, neuron.format), soma: mapping(soma) });
}

/** Input neurons with their spikes; the list ends with the last spike, behind it SANA-FE's input neurons are silent. */
function* hostGroup(program: LoihiProgram, host: HostGroup, inputs: InputSpikes | undefined): Generator<string> {
  yield `    - name: ${host.name}\n      attributes: {}\n      neurons:\n`;
  const { timesteps } = program;
  for (let i = 0; i < sizeOf(host); i++) {
    const fires = (timestep: number): boolean => {
      if (host.kind === "bias") return true;
      const { name, routes } = program.inputs[host.input]!;
      return inputs?.get(name)?.[timestep * (routes.start.length - 1) + host.elements[i]!] === 1;
    };
    const start = host.kind === "bias" ? host.start : program.inputs[host.input]!.start;
    // A spike acts a timestep after it was fired.
    const first = start + LEAD - 1;
    const spikes = Array.from({ length: first + timesteps }, (_, n) => +(n >= first && fires(n - first)));
    spikes.length = spikes.lastIndexOf(1) + 1;
    yield `        - ${i}: ${spikes.length === 0 ? "{}" : `{spikes: [${spikes.join(", ")}]}`}\n`;
  }
}

function* synapseEdges(program: LoihiProgram, plan: Plan): Generator<string> {
  const cores = neuroCores(program);
  // By core and compartment: name, and what weights are multiplied by.
  const targets = cores.map(({ groups }) =>
    groups.flatMap((group) =>
      Array.from(group.neurons, (neuron) => ({
        name: `${plan.names[group.population]!}.${neuron}`,
        scale: weightUnit(group, program.chip.numerics.profile),
      })),
    ),
  );
  const copies = new Map(
    plan.hosts.flatMap((host) => (host.kind === "input" ? [[`${host.input} ${host.tile}`, host] as const] : [])),
  );
  for (const { routes, first, count, of } of sendersOf(program)) {
    const nameOf = (i: number, tile: number): string => {
      if (of.kind === "population") return `${plan.names[of.population]!}.${of.neurons[i]!}`;
      const copy = copies.get(`${of.input} ${tile}`)!;
      return `${copy.name}.${copy.neuronOf.get(i)!}`;
    };
    for (let i = 0; i < count; i++) {
      for (let r = routes.start[first + i]!; r < routes.start[first + i + 1]!; r++) {
        const index = routes.core[r]!;
        const core = cores[index]!;
        const source = nameOf(i, core.tile);
        const lines: string[] = [];
        forEachSynapse(core, routes.axon[r]!, (compartment, weight, delay) => {
          const { name, scale } = targets[index]![compartment]!;
          // SANA-FE's dendrite counts the steps behind the first.
          const attributes = mapping({ weight: weight * scale, delay: delay > 1 ? delay - 1 : undefined });
          lines.push(`    - ${source} -> ${name}: ${attributes}\n`);
        });
        if (lines.length > 0) yield lines.join("");
      }
    }
  }
}

function* biasEdges({ names, neurons }: Plan): Generator<string> {
  for (const [population, members] of neurons.entries()) {
    for (const [neuron, { source, group, index }] of members.entries()) {
      if (source === undefined) continue;
      const weight = group.bias[index]! * UNIT;
      yield `    - ${source.name}.0 -> ${names[population]}.${neuron}: ${mapping({ weight })}\n`;
    }
  }
}

function* mappings(program: LoihiProgram, { names, hosts }: Plan): Generator<string> {
  const { chip } = program;
  const cores = neuroCores(program);
  // In quotes: these are no fractions.
  const place = (tile: number, slot: number): string => `"${tileNumber(chip, tile)}.${slot}"`;
  const inputUnits = new Map<number, number>();
  for (const host of hosts) {
    for (let i = 0; i < sizeOf(host); i++) {
      const input = inputUnits.get(host.tile) ?? 0;
      inputUnits.set(host.tile, input + 1);
      const dendrite = unit("dendrite", Math.floor(input / UNIT_NEURONS));
      const core = place(host.tile, chip.mesh.coresPerTile);
      yield `  - ${host.name}.${i}: ${mapping({ core, dendrite, soma: unit("input", input) })}\n`;
    }
  }
  // Neurons of a core are worked off in the order in which they are mapped, so cores go one by one.
  for (const { groups, tile, slot } of cores) {
    for (const { population, first, neurons: members } of groups) {
      for (const [i, neuron] of members.entries()) {
        const units = Math.floor((first + i) / UNIT_NEURONS);
        const attributes = { core: place(tile, slot), dendrite: unit("dendrite", units), soma: unit("neuron", units) };
        yield `  - ${names[population]}.${neuron}: ${mapping(attributes)}\n`;
      }
    }
  }
}
