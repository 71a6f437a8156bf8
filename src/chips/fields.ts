import type { Chip } from "./index.js";
import type { LayerwiseChip } from "./layerwise.js";
import type { LoihiChip } from "./loihi.js";

/** One number (or small group of numbers) of a chip description, as people read it. */
export interface ChipField {
  /** As in `sources`: `lanes`, `memories.spike`, `dram.bandwidth`. */
  readonly field: string;
  readonly value: string;
  readonly source: string;
}

const count = (n: number): string => n.toLocaleString("en-US");
const several = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** Every field of a description with its value and source, in the order of the schema. */
export function chipFields(chip: Chip): readonly ChipField[] {
  return chip.target === "loihi" ? loihiFields(chip) : layerwiseFields(chip);
}

function layerwiseFields(chip: LayerwiseChip): readonly ChipField[] {
  const { memories, dram, attention } = chip;
  const memory = ({ bytes, banks, ports }: LayerwiseChip["memories"]["spike"]): string =>
    `${count(bytes)} bytes, ${several(banks, "bank")}, ${several(ports, "port")} each`;
  const { bytes, cycles } = dram.bandwidth;
  const values: readonly (readonly [string, string])[] = [
    ["clockHz", `${count(chip.clockHz / 1e6)} MHz`],
    ["lanes", count(chip.lanes)],
    ["parallelTimesteps", count(chip.parallelTimesteps)],
    ["queueDepth", count(chip.queueDepth)],
    ["fifoDepth", count(chip.fifoDepth)],
    ["weightBits", count(chip.weightBits)],
    ["accumulatorBits", count(chip.accumulatorBits)],
    ["memories.spike", memory(memories.spike)],
    ["memories.weight", memory(memories.weight)],
    ["memories.data", memory(memories.data)],
    ["dram.burstBytes", count(dram.burstBytes)],
    ["dram.latencyCycles", count(dram.latencyCycles)],
    ["dram.bandwidth", `${count(bytes)} bytes per ${cycles === 1 ? "cycle" : `${count(cycles)} cycles`}`],
    ["dram.outstanding", count(dram.outstanding)],
    ["attention.counters", count(attention.counters)],
    ["attention.counterBits", count(attention.counterBits)],
    ["patchValues", count(chip.patchValues)],
    ["priority", chip.priority.join(" > ")],
  ];
  return values.map(([field, value]) => ({ field, value, source: chip.sources[field] ?? "not stated" }));
}

/** Parts of a description whose numbers are its fields; those of others are one field each. */
const LOIHI_PARTS = ["mesh", "core", "numerics", "attention", "time", "energy"] as const;

function loihiFields(chip: LoihiChip): readonly ChipField[] {
  const formats = chip.synapseFormats.map(({ name, sharedBases, ...format }): readonly [string, string] => {
    const { shared, weightBits, indexBits, delayBits, tagBits, blockSynapses, headerBits } = format;
    const bases =
      sharedBases === undefined ? "" : ` at multiples of ${sharedBases.multipleOf} below ${sharedBases.below}`;
    const bits = `${weightBits} + ${indexBits} + ${delayBits} + ${tagBits} bits (weight, index, delay, tag)`;
    const lists = shared ? `, lists may be shared${bases}` : "";
    return [`synapseFormats.${name}`, `${bits}, blocks of ${blockSynapses}, headers of ${headerBits} bits${lists}`];
  });
  const values = LOIHI_PARTS.flatMap((part) =>
    Object.entries(chip[part] ?? {}).map(([key, value]): readonly [string, string] => [`${part}.${key}`, text(value)]),
  );
  return [...values, ...formats].map(([field, value]) => {
    const source = chip.sources[field] ?? chip.sources[field.split(".")[0] ?? ""] ?? "not stated";
    return { field, value, source };
  });
}

function text(value: unknown): string {
  if (typeof value === "number") return count(value);
  if (Array.isArray(value)) return value.join("..");
  if (typeof value !== "object" || value === null) return String(value);
  return Object.entries(value)
    .map(([key, each]) => `${key}: ${text(each)}`)
    .join(", ");
}
