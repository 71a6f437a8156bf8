import { z } from "zod";

/**
 * An energy table: joules per event, each figure with its source and standing. Simulators count, tables price; nothing in a
 * simulation knows an energy.
 */

const figure = z.strictObject({
  /** J per event, or J per bit for memories. */
  joules: z.number().nonnegative(),
  /** Where the figure stands. */
  source: z.string().min(1),
  status: z.enum(["measured", "published", "fitted", "assumed"]),
});

export const energyTableSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string(),
  /** What the table prices; the rest of a chip (clock, control, leakage, NoC) is not in its totals. */
  covers: z.array(z.enum(["arithmetic", "sram", "dram"])),
  /** J per arithmetic event. Events of a run that have no price are listed with their counts, never silently free. */
  events: z.partialRecord(z.enum(["ac", "mac", "kv", "qa", "add", "compare", "bit", "update"]), figure),
  /** J per bit read or written, by capacity: a memory pays the price of the smallest entry that is not smaller than it, or of the largest. */
  sram: z.array(z.strictObject({ bytes: z.number().int().positive(), ...figure.shape })),
  /** J per bit moved to or from DRAM. */
  dram: figure.optional(),
});

export type EnergyTable = z.infer<typeof energyTableSchema>;
export type Figure = z.infer<typeof figure>;
export type PricedEvent = keyof EnergyTable["events"];
