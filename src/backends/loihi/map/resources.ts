import type { LoihiChip, SynapseFormat } from "../../../chips/loihi.js";
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
    const memory = this.memoryOf(parts);
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

  /** In the formats that take the fewest bits; where those are too many for a core, in those that hold the most. */
  private memoryOf(parts: readonly Placed[]): CoreMemory | Unstorable {
    const { synapseFormats, core } = this.chip;
    const widest = Math.max(...synapseFormats.map(({ weightBits }) => weightBits));
    const longest = Math.max(...synapseFormats.map(({ delayBits }) => delayBits));
    const fewer: readonly ((format: SynapseFormat) => boolean)[] = [
      ({ weightBits }) => weightBits === widest,
      ({ weightBits, delayBits }) => weightBits === widest && delayBits === longest,
      ({ weightBits, delayBits, indexBits }) => weightBits === widest && delayBits === longest && indexBits > 0,
    ];
    const first = coreMemory(parts, this.chip);
    if ("shape" in first || first.formats <= core.synapseFormats) return first;
    for (const allowed of fewer) {
      const memory = coreMemory(parts, this.chip, allowed);
      if (!("shape" in memory) && memory.formats <= core.synapseFormats) return memory;
    }
    return first;
  }

  /** The first resource of which there is too little. */
  short(usage: Usage): Resource | undefined {
    return RESOURCES.find((resource) => usage[resource] > this.limit(resource));
  }
}
