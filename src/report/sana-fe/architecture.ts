import type { LoihiProgram } from "../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../chips/loihi.js";
import { sizeOf, UNIT_NEURONS, type Plan } from "./plan.js";
import { identifier, mapping, pico } from "./text.js";

/** The chip as SANA-FE's architecture file. Times in s, energies in J. */

/** Name of the hardware unit with the costs of a format. */
export const synapseUnit = ({ synapseFormats }: LoihiChip, format: number): string =>
  identifier(`s${format}`, synapseFormats[format]!.name);

/** SANA-FE numbers tiles column by column, our chips row by row. */
export function tileNumber({ mesh }: LoihiChip, tile: number): number {
  const [width, height] = [mesh.tilesX * mesh.chipsX, mesh.tilesY * mesh.chipsY];
  return (tile % width) * height + Math.floor(tile / width);
}

/** Hardware units of dendrites and of somas that a core has. */
export const unitsFor = (neurons: number): number => Math.max(1, Math.ceil(neurons / UNIT_NEURONS));

const NO_SYNAPSE = { energy_process_spike: 0, latency_process_spike: 0 };
const NO_SOMA = {
  energy_access_neuron: 0,
  latency_access_neuron: 0,
  energy_update_neuron: 0,
  latency_update_neuron: 0,
  energy_spike_out: 0,
  latency_spike_out: 0,
};

/** One entry of a section of a core. */
const item = (name: string, attributes: Readonly<Record<string, string | number>>): string =>
  `            - name: ${name}\n              attributes: ${mapping(attributes)}\n`;

interface CoreText {
  readonly name: string;
  readonly neurons: number;
  readonly axonIn: string;
  readonly synapses: string;
  readonly soma: string;
  readonly axonOut: string;
}

/**
 * A range of cores of one tile. Delays need the buffer inside the dendrite; a dendrite costs nothing, as SANA-FE's Loihi has it.
 */
function coreText({ name, neurons, axonIn, synapses, soma, axonOut }: CoreText): string {
  const attributes = { buffer_position: "dendrite", buffer_inside_unit: "true", max_neurons_supported: neurons };
  const dendrite = { model: "accumulator_with_delay", energy_update: 0, latency_update: 0 };
  return (
    `        - name: ${name}\n          attributes: ${mapping(attributes)}\n` +
    `          axon_in:\n${axonIn}          synapse:\n${synapses}` +
    `          dendrite:\n${item(`dendrite[0..${unitsFor(neurons) - 1}]`, dendrite)}` +
    `          soma:\n${soma}          axon_out:\n${axonOut}`
  );
}

function neuroCoresText(chip: LoihiChip): string {
  const { time, energy, core, mesh } = chip;
  const synapses = chip.synapseFormats.map(({ name }, format) =>
    item(synapseUnit(chip, format), {
      model: "current_based",
      energy_process_spike: pico(energy.synapse[name]!),
      latency_process_spike: pico(time.synapse[name]!),
    }),
  );
  return coreText({
    name: `core[0..${mesh.coresPerTile - 1}]`,
    neurons: core.compartments,
    axonIn: item("axon_in", {
      energy_message_in: pico(energy.messageIn),
      latency_message_in: pico(time.messageIn),
    }),
    synapses: synapses.join(""),
    soma: item(`neuron[0..${unitsFor(core.compartments) - 1}]`, {
      model: "leaky_integrate_fire",
      energy_access_neuron: pico(energy.neuronAccess),
      latency_access_neuron: pico(time.neuronAccess),
      energy_update_neuron: pico(energy.neuronUpdate),
      latency_update_neuron: pico(time.neuronUpdate),
      energy_spike_out: pico(energy.spikeOut),
      latency_spike_out: pico(time.spikeOut),
    }),
    axonOut: item("axon_out", {
      energy_message_out: pico(energy.messageOut),
      latency_message_out: pico(time.messageOut),
    }),
  });
}

/** The host beside the cores of a tile: input neurons, which cost nothing. Each is a unit of its own. */
function hostCoreText(neurons: number): string {
  return coreText({
    name: "host[0..0]",
    neurons,
    axonIn: item("axon_in", { energy_message_in: 0, latency_message_in: 0 }),
    synapses: item("synapse", { model: "current_based", ...NO_SYNAPSE }),
    soma: item(`input[0..${neurons - 1}]`, { model: "input", ...NO_SOMA }),
    axonOut: item("axon_out", { energy_message_out: 0, latency_message_out: 0 }),
  });
}

export function* architectureText({ chip }: LoihiProgram, { hosts }: Plan): Generator<string> {
  const { mesh, time, energy } = chip;
  const [width, height] = [mesh.tilesX * mesh.chipsX, mesh.tilesY * mesh.chipsY];
  const sync = Object.entries(time.barrier).sort(([a], [b]) => Number(a) - Number(b));
  yield `architecture:\n  name: ${identifier("chip", chip.name)}\n`;
  yield `  attributes: ${mapping({
    topology: "mesh",
    width,
    height,
    link_buffer_size: mesh.queueMessages,
    sync_model: "table",
    latency_sync: mapping(Object.fromEntries(sync.map(([tiles, ps]) => [tiles, pico(ps)]))),
  })}\n`;
  yield "  tile:\n";

  const hostNeurons = new Map<number, number>();
  for (const host of hosts) {
    const tile = tileNumber(chip, host.tile);
    hostNeurons.set(tile, (hostNeurons.get(tile) ?? 0) + sizeOf(host));
  }
  const withHost = [...hostNeurons.keys()].sort((a, b) => a - b);
  const hops = mapping({
    energy_north_hop: pico(energy.hopY),
    latency_north_hop: pico(time.hopY),
    energy_south_hop: pico(energy.hopY),
    latency_south_hop: pico(time.hopY),
    energy_east_hop: pico(energy.hopX),
    latency_east_hop: pico(time.hopX),
    energy_west_hop: pico(energy.hopX),
    latency_west_hop: pico(time.hopX),
  });
  const cores = neuroCoresText(chip);
  const tiles = (first: number, last: number, host: string): string =>
    `    - name: tile[${first}..${last}]\n      attributes: ${hops}\n      core:\n${cores}${host}`;
  let next = 0;
  for (const tile of withHost) {
    if (tile > next) yield tiles(next, tile - 1, "");
    yield tiles(tile, tile, hostCoreText(hostNeurons.get(tile)!));
    next = tile + 1;
  }
  if (next < width * height) yield tiles(next, width * height - 1, "");
}
