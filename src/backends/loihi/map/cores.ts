import type { LoihiChip } from "../../../chips/loihi.js";
import { internalError, type Report } from "../../../diagnostics/index.js";
import { channelsOf, positionsOf, valueTypes } from "../../../ir/index.js";
import { loihiDiagnostics } from "../diagnostics.js";
import type { LegalNet } from "../legal-net.js";
import { headGroups, type HeadGroup } from "./attention.js";
import { gather, type CoreMemory, type Part, type Placed } from "./core-memory.js";
import { cutPart } from "./cut-part.js";
import type { NeuronConfiguration } from "./neurons.js";
import { partition, type Misfit } from "./partition.js";
import { CoreMeter, RESOURCE_NAMES, RESOURCES, type Usage } from "./resources.js";
import { SynapseReader, type Incoming } from "./synapses.js";

/** A neuro-core before it has a place. */
export interface FilledCore {
  readonly parts: readonly Placed[];
  readonly memory: CoreMemory;
  readonly usage: Usage;
}

/** All cores of a network, without places. */
export interface Cores {
  readonly reader: SynapseReader;
  readonly neuro: readonly FilledCore[];
  readonly attention: readonly HeadGroup[];
  /** Cores that hear each element of each source. */
  readonly routes: Int32Array;
}

/** How often cores are cut again because neurons of a cycle turned out to send to more cores than was assumed. */
const ROUNDS = 8;

/** Pieces of a full core that is no worse in pieces. */
const PIECES = 4;

/** Resources of which parts in one core take the sum, or less. */
const ADDITIVE = ["compartments", "inputAxons", "outputAxons", "synapseBits"] as const;

/**
 * Cuts all populations into cores, the last first: to how many cores a neuron sends is then known, but in cycles, where it is
 * what the round before found. Undefined with the reasons in `report`.
 */
export function fillCores(
  legal: LegalNet,
  configurations: ReadonlyMap<string, NeuronConfiguration>,
  chip: LoihiChip,
  pack: boolean,
  report: Report,
): Cores | undefined {
  const reader = new SynapseReader(legal);
  const { first } = reader.sources;
  let assumed = new Int32Array(first[first.length - 1]!);
  for (let round = 0; ; round++) {
    const filler = new Filler(legal, configurations, chip, reader, assumed, report);
    const cores = filler.run(pack);
    if (cores === undefined) return undefined;
    const over = cores.neuro.find(({ usage }) => usage.outputAxons > chip.core.outputAxons);
    if (over === undefined) return cores;
    if (round === ROUNDS) {
      const name = legal.populations[over.parts[0]!.part.population]!.layer;
      const message = `\`${name}\`: the neurons of a core need ${over.usage.outputAxons} output axons of ${chip.core.outputAxons}, and cutting it finer makes its own cycle reach more cores`;
      return report.add(loihiDiagnostics.make("core-limit", message, { hint: "use a chip with more output axons" }));
    }
    assumed = filler.routes.map((n, i) => Math.max(n, assumed[i]!));
  }
}

class Filler {
  /** Cores that each element of each source sends to. */
  readonly routes: Int32Array;
  private readonly meter: CoreMeter;
  private readonly firsts: readonly number[];

  constructor(
    private readonly legal: LegalNet,
    configurations: ReadonlyMap<string, NeuronConfiguration>,
    private readonly chip: LoihiChip,
    private readonly reader: SynapseReader,
    private readonly assumed: Int32Array,
    private readonly report: Report,
  ) {
    const { sources } = reader;
    this.routes = new Int32Array(assumed.length);
    this.firsts = legal.populations.map(({ value }) => sources.first[sources.index.get(value)!]!);
    const byPopulation = legal.populations.map(({ value }) => configurations.get(value));
    this.meter = new CoreMeter(chip, byPopulation, (population, neuron) => this.routesOf(population, neuron));
  }

  private routesOf(population: number, neuron: number): number {
    const at = this.firsts[population]! + neuron;
    return Math.max(this.routes[at]!, this.assumed[at]!);
  }

  run(pack: boolean): Cores | undefined {
    const { populations, net } = this.legal;
    const types = valueTypes(net);
    const attention: HeadGroup[] = [];
    let placed: Placed[][] = [];
    for (let index = populations.length - 1; index >= 0; index--) {
      const population = populations[index]!;
      const type = types.get(population.value)!;
      if (population.kind === "attention") {
        const groups = headGroups(
          this.legal,
          { ...population, index },
          this.chip,
          (j) => this.routesOf(index, j),
          this.report,
        );
        if (groups === undefined) return undefined;
        attention.unshift(...groups);
        for (const operand of groups[0]?.operands ?? []) this.heard(operand);
        continue;
      }
      const incoming = this.reader.into(population);
      const shape = { positions: positionsOf(type), channels: channelsOf(type) };
      const parts = partition(index, shape, incoming, this.chip, this.meter);
      if ("kind" in parts) return this.misfit(index, parts);
      placed = [...parts.map(({ part }) => [this.place(part, incoming)]), ...placed];
    }
    if (pack) placed = this.packed(placed);
    return { reader: this.reader, neuro: this.counted(placed, attention), attention, routes: this.routes };
  }

  /** The cores with the messages that are really sent: one to a core, whatever parts of it hear them. */
  private counted(cores: readonly (readonly Placed[])[], attention: readonly HeadGroup[]): readonly FilledCore[] {
    const filled = cores.map((parts): FilledCore => ({ parts, ...this.measured(parts) }));
    this.routes.fill(0);
    for (const { operands } of attention.filter(({ firstChannel }) => firstChannel === 0))
      operands.forEach((each) => this.heard(each));
    for (const { memory } of filled) for (const source of memory.entries.keys()) this.routes[source]!++;
    const outputs = ({ population, neurons }: Part): number =>
      neurons.reduce((sum, j) => sum + this.routes[this.firsts[population]! + j]!, 0);
    return filled.map((core) => {
      const outputAxons = core.parts.reduce((sum, { part }) => sum + outputs(part), 0);
      return { ...core, usage: { ...core.usage, outputAxons } };
    });
  }

  /** Counts the messages to one core more of every element of a value. */
  private heard(value: string): void {
    const { index, first } = this.reader.sources;
    const source = index.get(value)!;
    for (let i = first[source]!; i < first[source + 1]!; i++) this.routes[i]!++;
  }

  private place(part: Part, incoming: Incoming): Placed {
    const synapses = gather(part, incoming);
    for (const source of synapses.source) this.routes[source]!++;
    return { part, synapses, first: 0 };
  }

  private measured(parts: readonly Placed[]): { readonly usage: Usage; readonly memory: CoreMemory } {
    const found = this.meter.measure(parts);
    if ("shape" in found) throw internalError("a core that fitted before does not");
    return found;
  }

  /** Puts parts into cores that have room for them, the largest first, each into the first core that has. */
  private packed(cores: readonly (readonly Placed[])[]): Placed[][] {
    const sized = (single: Placed) => {
      const { usage } = this.measured([single]);
      return { single, usage, size: this.share(usage) };
    };
    const pieces = cores
      .flat()
      .flatMap((placed) => {
        const whole = sized(placed);
        const cut = piecesOf(placed, Math.ceil(PIECES * whole.size));
        return cut.length === 1 ? [whole] : cut.map(sized);
      })
      .sort((a, b) => b.size - a.size);
    const filled: { parts: Placed[]; usage: Usage }[] = [];
    for (const { single, usage } of pieces) {
      let home: { readonly core: (typeof filled)[number]; readonly usage: Usage } | undefined;
      for (const core of filled) {
        // Configurations and formats may be common; the rest adds up at most.
        if (!ADDITIVE.every((resource) => core.usage[resource] + usage[resource] <= this.meter.limit(resource)))
          continue;
        const together = this.meter.measure([...core.parts, { ...single, first: core.usage.compartments }]);
        if ("shape" in together || this.meter.short(together.usage) !== undefined) continue;
        home = { core, usage: together.usage };
        break;
      }
      if (home === undefined) {
        filled.push({ parts: [single], usage });
        continue;
      }
      const { core } = home;
      core.parts.push({ ...single, first: core.usage.compartments });
      core.usage = home.usage;
    }
    return filled.map(({ parts }) => parts);
  }

  /** What a part takes of a core: the largest share of a resource. */
  private share(usage: Usage): number {
    return Math.max(...ADDITIVE.map((resource) => usage[resource] / this.meter.limit(resource)));
  }

  private misfit(index: number, misfit: Misfit): undefined {
    const { layer } = this.legal.populations[index]!;
    if (misfit.kind === "unstorable") {
      const { synapses, span, longest, largest, granule, mixed } = misfit.why.shape;
      const message = `\`${layer}\`: no synapse format holds a list of ${synapses} synapses over ${span} compartments, ${mixed ? "mixed" : "one-signed"} weights in units of ${granule} up to ${largest}, delays up to ${longest}`;
      const formats = this.chip.synapseFormats.map(
        ({ name, weightBits, indexBits, delayBits }) => `${name} (${weightBits}/${indexBits}/${delayBits})`,
      );
      const hint = `the chip's formats (bits of weight/index/delay): ${formats.join(", ")}; use fewer weight bits or shorter delays`;
      return this.report.add(loihiDiagnostics.make("synapse", message, { hint }));
    }
    const { resource, usage } = misfit;
    const message = `\`${layer}\`: a single neuron needs ${usage[resource]} ${RESOURCE_NAMES[resource]}, a core has ${this.meter.limit(resource)}`;
    const hint = {
      compartments: "use another chip",
      inputAxons:
        "a neuron hears too many sources: use a smaller kernel or fewer channels in front, or relays for streams",
      outputAxons:
        "a neuron is heard in too many cores: use a smaller layer behind it, or a chip with more output axons",
      synapseBits: "use fewer weight bits, or a smaller layer in front",
      compartmentConfigs: "use another chip",
      thresholdConfigs: "use another chip",
      synapseFormats: "quantise weights with fewer exponents",
    }[resource];
    return this.report.add(loihiDiagnostics.make("core-limit", message, { hint }));
  }
}

/** A part as pieces that fill gaps better, where each source has one synapse: cutting it then costs no message. */
function piecesOf(placed: Placed, pieces: number): readonly Placed[] {
  const { part, synapses } = placed;
  if (pieces === 1 || synapses.source.length !== synapses.compartment.length) return [placed];
  const length = part.width * Math.ceil(part.neurons.length / part.width / pieces);
  const widths = Array.from({ length: Math.ceil(part.neurons.length / length) }, () => part.width);
  return cutPart(placed, widths, (c) => Math.floor(c / length));
}

/** The resource of which a layer's cores use the largest share: what makes it need so many. */
export function bottleneckOf(
  usages: readonly Usage[],
  chip: LoihiChip,
): { readonly resource: keyof Usage; readonly used: number } {
  const shares = RESOURCES.map((resource) => {
    const used = usages.reduce((most, usage) => Math.max(most, usage[resource]), 0);
    return { resource, used, share: used / chip.core[resource] };
  });
  const counted = shares.filter(
    ({ resource }) => !["compartmentConfigs", "thresholdConfigs", "synapseFormats"].includes(resource),
  );
  const worst = [...counted, ...shares].reduce((a, b) => (b.share > a.share ? b : a));
  return worst;
}
