import { z } from "zod";
import { sum } from "../math/numbers.js";

/**
 * An energy table: joules per event, each figure with its source, its boundary and its standing. Simulators count, tables price;
 * nothing in a simulation knows an energy.
 */

/** What a chip spends energy on. A figure covers one or several of these; no two figures that are summed may cover the same. */
export const COMPONENTS = ["arithmetic", "sram", "dram", "noc", "control", "clock", "static"] as const;
export type Component = (typeof COMPONENTS)[number];

/** Formats of the operands of additions and multiplications. */
export const OPERANDS = ["fp32", "int8", "fp16", "int32"] as const;

/** Lowest and highest value that the source allows. */
export type Range = readonly [low: number, high: number];

const amount = z.number().nonnegative();

const standing = {
  range: z.tuple([amount, amount]).optional(),
  source: z.string().min(1),
  /** What is inside the figure: "fp32 adder alone, no weight fetch". */
  boundary: z.string().min(1),
  /** `described`: a number of a chip description, whose source says how it stands. */
  status: z.enum(["measured", "published", "fitted", "assumed", "described"]),
};

function checkRange(value: number, range: Range | undefined, context: z.RefinementCtx): void {
  if (range === undefined || (range[0] <= value && value <= range[1])) return;
  const message = `[${range[0]}, ${range[1]}] does not hold the figure itself, ${value}: expected [low, high]`;
  context.addIssue({ code: "custom", path: ["range"], message });
}

const figureShape = {
  /** J per event, or J per bit for memories. */
  joules: amount,
  ...standing,
  /** Components, where the figure covers other ones than figures of its place do: whole-chip figures. */
  covers: z.array(z.enum(COMPONENTS)).min(1).optional(),
};
const figure = z.strictObject(figureShape).superRefine(({ joules, range }, c) => checkRange(joules, range, c));

/** Arithmetic events of a layer-by-layer chip (docs/layerwise-chip.md, section 3). */
const ARITHMETIC = ["ac", "mac", "kv", "qa", "add", "compare", "bit", "update"] as const;
/** Events of a step-by-step chip (docs/loihi-chip.md, section 7), by what they occupy. */
const CORE_EVENTS = [
  "neuronAccess",
  "neuronUpdate",
  "neuronInactive",
  "neuronActive",
  "spikeOut",
  "attention",
] as const;
const NETWORK_EVENTS = ["messageOut", "messageIn", "withinTile", "hopX", "hopY", "chipHop", "hostInput"] as const;

export type ArithmeticEvent = (typeof ARITHMETIC)[number];
export type StepEvent = (typeof CORE_EVENTS)[number] | (typeof NETWORK_EVENTS)[number] | "barrier";

const tableShape = z.strictObject({
  name: z.string().min(1),
  description: z.string(),
  /** Process and supply, as far as they are known. */
  technology: z.string().min(1),
  /** Number format of the arithmetic events. */
  operands: z.enum(OPERANDS).optional(),
  /** Chips whose figures these are; on another chip the report says so. */
  chips: z.array(z.string()).optional(),
  /** All that the figures cover together; the rest of a chip is not in the totals. */
  covers: z.array(z.enum(COMPONENTS)).min(1),
  /** J per arithmetic event. Events of a run that have no price are listed with their counts, never silently free. */
  events: z.partialRecord(z.enum(ARITHMETIC), figure).default({}),
  /** J per bit read or written, by capacity: a memory pays the price of the smallest entry that is not smaller than it, or of the largest. */
  sram: z
    .array(
      z
        .strictObject({ bytes: z.number().int().positive(), ...figureShape })
        .superRefine(({ joules, range }, c) => checkRange(joules, range, c)),
    )
    .default([]),
  /** J per bit moved to or from DRAM. */
  dram: figure.optional(),
  /**
   * J per event of a step-by-step chip. A compartment costs either `neuronAccess` in each step and `neuronUpdate` on top, or
   * `neuronActive` in the steps in which it is updated and `neuronInactive` in the others.
   */
  steps: z
    .strictObject({
      ...Object.fromEntries([...CORE_EVENTS, ...NETWORK_EVENTS, "barrier"].map((name) => [name, figure.optional()])),
      /** By synapse format; `dense` also prices `dense-4bit` if that has no entry, and `any` what is left. */
      synapse: z.record(z.string(), figure).optional(),
    } as Record<StepEvent, z.ZodOptional<typeof figure>> & {
      synapse: z.ZodOptional<z.ZodRecord<z.ZodString, typeof figure>>;
    })
    .optional(),
  /** W of one chip for as long as it runs, whatever it does; belongs to no layer. */
  power: z
    .strictObject({ watts: amount, ...standing, covers: z.array(z.enum(COMPONENTS)).min(1) })
    .superRefine(({ watts, range }, c) => checkRange(watts, range, c))
    .optional(),
});

export const energyTableSchema = tableShape.superRefine((table, context) => {
  for (const { path, message } of contradictions(table)) context.addIssue({ code: "custom", path, message });
});

export type EnergyTable = z.infer<typeof energyTableSchema>;
export type Figure = z.infer<typeof figure>;

/** Figures whose events are counted apart from each other, so that they may cover the same components. */
export interface Place {
  readonly name: "events" | "sram" | "dram" | "cores" | "network" | "barrier" | "power";
  /** Which runs pay it. */
  readonly paidBy: readonly ("layerwise" | "loihi")[];
  readonly covers: readonly Component[];
}

/** What the figures of each place of a table cover; places without figures are left out. */
export function placesOf(table: z.infer<typeof tableShape>): readonly Place[] {
  const { events, sram, dram, steps, power } = table;
  const place = (
    name: Place["name"],
    paidBy: Place["paidBy"],
    usual: readonly Component[],
    figures: readonly ({ readonly covers?: readonly Component[] | undefined } | undefined)[],
  ): readonly Place[] => {
    const covered = new Set(figures.flatMap((each) => (each === undefined ? [] : (each.covers ?? usual))));
    return covered.size === 0 ? [] : [{ name, paidBy, covers: COMPONENTS.filter((each) => covered.has(each)) }];
  };
  // Without figures of its own events, a step-by-step run is priced by its additions.
  const additions = steps === undefined ? (["layerwise", "loihi"] as const) : (["layerwise"] as const);
  const cores = [...CORE_EVENTS.map((name) => steps?.[name]), ...Object.values(steps?.synapse ?? {})];
  return [
    ...place("events", additions, ["arithmetic"], Object.values(events)),
    ...place("sram", ["layerwise"], ["sram"], sram),
    ...place("dram", ["layerwise"], ["dram"], [dram]),
    ...place("cores", ["loihi"], ["arithmetic", "sram"], cores),
    ...place(
      "network",
      ["loihi"],
      ["noc"],
      NETWORK_EVENTS.map((name) => steps?.[name]),
    ),
    ...place("barrier", ["loihi"], ["control"], [steps?.barrier]),
    ...place("power", ["layerwise", "loihi"], [], [power]),
  ];
}

interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Figures that are legal each, but not beside the others. */
function contradictions(table: z.infer<typeof tableShape>): readonly Contradiction[] {
  const found: Contradiction[] = [];
  const add = (path: (string | number)[], message: string): void => void found.push({ path, message });
  const places = placesOf(table);
  places.forEach((a, i) => {
    for (const b of places.slice(i + 1)) {
      if (!a.paidBy.some((target) => b.paidBy.includes(target))) continue;
      const both = a.covers.filter((each) => b.covers.includes(each));
      if (both.length === 0) continue;
      add([b.name], `covers ${both.join(", ")}, which \`${a.name}\` covers already: they would be counted twice`);
    }
  });
  for (const component of COMPONENTS) {
    const by = places.filter(({ covers }) => covers.includes(component)).map(({ name }) => `\`${name}\``);
    const listed = table.covers.includes(component);
    if (listed && by.length === 0) add(["covers"], `lists ${component}, which no figure covers`);
    if (!listed && by.length > 0) add(["covers"], `lacks ${component}, which ${by.join(" and ")} covers`);
  }
  const { neuronAccess, neuronUpdate, neuronActive, neuronInactive } = table.steps ?? {};
  const byActivity = neuronActive !== undefined || neuronInactive !== undefined;
  if (byActivity && (neuronAccess !== undefined || neuronUpdate !== undefined)) {
    const message = "price each compartment in each step, and so do `neuronAccess` and `neuronUpdate`: keep one pair";
    add(["steps"], `\`neuronActive\` and \`neuronInactive\` ${message}`);
  }
  if (byActivity && !(neuronActive !== undefined && neuronInactive !== undefined)) {
    add(
      ["steps"],
      "`neuronActive` and `neuronInactive` need each other: a compartment is one or the other in each step",
    );
  } else if (byActivity && neuronActive!.joules < neuronInactive!.joules) {
    add(["steps", "neuronActive"], `must not be below \`neuronInactive\`, ${neuronInactive!.joules} J`);
  }
  return found;
}

/** J of so many events (or bits, or chip-seconds) at a figure, and by the ends of its range; both are `joules` where it has none. */
export interface Priced {
  readonly joules: number;
  readonly range: Range;
}

export function priced(count: number, { joules, range = [joules, joules] }: Figure): Priced {
  return { joules: count * joules, range: [count * range[0], count * range[1]] };
}

/** Both ends summed, as if all figures were at the same end. */
export function totalRange(rows: readonly Priced[]): Range {
  return [sum(rows.map(({ range }) => range[0])), sum(rows.map(({ range }) => range[1]))];
}

/** The price of one bit of a memory: the smallest entry that is not smaller than the memory, or the largest entry. */
export function sramFigure(table: EnergyTable, bytes: number): EnergyTable["sram"][number] | undefined {
  const bySize = [...table.sram].sort((a, b) => a.bytes - b.bytes);
  return bySize.find((entry) => entry.bytes >= bytes) ?? bySize[bySize.length - 1];
}

/** The price of a synaptic event: that of the format, of the format whose variant it is (`dense-4bit` of `dense`), or of `any`. */
export function synapseFigure(table: EnergyTable, format: string): Figure | undefined {
  const synapse = table.steps?.synapse ?? {};
  for (let name = format; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf("-")))) {
    const own = synapse[name];
    if (own !== undefined) return own;
  }
  return synapse["any"];
}
