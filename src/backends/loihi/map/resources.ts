import type { LoihiChip } from "../../../chips/loihi.js";
import { coreMemory, type CoreMemory, type Placed, type Unstorable } from "./core-memory.js";
import type { NeuronConfiguration } from "./neurons.js";

/** What a core has a limited number of. */
export const RESOURCES = [
  "compartments",
  "inputAxons",
  "outputAxons",
  "synapseBits",
  "compartmentConfigs",
  "thresholdConfigs",
  "synapseFormats",
] as const;
export type Resource = (typeof RESOURCES)[number];
export type Usage = Readonly<Record<Resource, number>>;

export const RESOURCE_NAMES: Readonly<Record<Resource, string>> = {
  compartments: "compartments",
  inputAxons: "input axons",
  outputAxons: "output axons",
  synapseBits: "bits of synapse memory",
  compartmentConfigs: "compartment configurations",
  thresholdConfigs: "threshold configurations",
  synapseFormats: "synapse formats",
};

/** What a core with these parts uses. `routes` is the number of cores that a neuron sends to. */
export class CoreMeter {
  constructor(
    private readonly chip: LoihiChip,
    private readonly configurations: readonly (NeuronConfiguration | undefined)[],
    private readonly routes: (population: number, neuron: number) => number,
  ) {}

  limit(resource: Resource): number {
    return this.chip.core[resource];
  }

  /** Of each resource the parts by themselves, which synapse memory and axons in common can only lessen. */
  measure(parts: readonly Placed[]): { readonly usage: Usage; readonly memory: CoreMemory } | Unstorable {
    const memory = coreMemory(parts, this.chip);
    if ("shape" in memory) return memory;
    let [compartments, outputAxons] = [0, 0];
    const configs = new Set<string>();
    const thresholds = new Set<number>();
    for (const { part } of parts) {
      compartments += part.neurons.length;
      const own = this.configurations[part.population]!;
      const { kind, decayU, decayV, refractory, vMin, vMax, currentShift, threshold } = own;
      configs.add([kind, decayU, decayV, refractory, vMin, vMax, currentShift].join());
      for (const j of part.neurons) {
        outputAxons += this.routes(part.population, j);
        if (kind === "neuron") thresholds.add(threshold[j % threshold.length]!);
      }
    }
    const usage = {
      compartments,
      inputAxons: memory.axonEntries,
      outputAxons,
      synapseBits: memory.bits,
      compartmentConfigs: configs.size,
      thresholdConfigs: thresholds.size,
      synapseFormats: memory.formats,
    };
    return { usage, memory };
  }

  /** The first resource of which there is too little. */
  short(usage: Usage): Resource | undefined {
    return RESOURCES.find((resource) => usage[resource] > this.limit(resource));
  }
}
