import { z } from "zod";

/**
 * A published table of figures as data: each row has what is printed, and which of a closed set of formulas it is said to follow
 * from, with the operands. Decimals are strings, because their digits count (docs/papers.md); numbers are exact.
 */

/** A figure as printed, such as "0.0771". */
const printed = z.string().regex(/^\d+(\.\d+)?$/, "expected the printed digits, such as 0.0771");
const size = z.number().int().positive();
/** How many layers of this shape there are. */
const copies = size.default(1);

/** Operations of one pass through a layer at one timestep. */
const operations = z.discriminatedUnion("kind", [
  /** kernel^2 x height x width x in x out, borders counted in full as all papers do. */
  z.strictObject({
    kind: z.literal("conv"),
    kernel: size,
    height: size,
    width: size,
    in: size,
    out: size,
    copies,
  }),
  /** tokens x in x out; with a bias one addition per output. Also a product of two matrices. */
  z.strictObject({
    kind: z.literal("linear"),
    tokens: size,
    in: size,
    out: size,
    bias: z.boolean().default(false),
    copies,
  }),
  /** So many operations for each of so many values. */
  z.strictObject({ kind: z.literal("elements"), elements: size, each: size, copies }),
]);

const price = z.strictObject({ joules: z.number().nonnegative(), source: z.string().min(1) });

const formula = z.discriminatedUnion("kind", [
  /** F x sum of rates x AC: accumulates of a layer that reads spikes. `times`: the rate is the mean of so many timesteps. */
  z.strictObject({
    kind: z.literal("spikes"),
    operations,
    rates: z.array(printed).min(1),
    times: size.default(1),
  }),
  /** N D^2 x sum of rates x AC: linear attention as STAtten's Table 7 prices it; rates are S_Q + S_K + S_V per timestep. */
  z.strictObject({
    kind: z.literal("attention-sum"),
    tokens: size,
    channels: size,
    rates: z.array(printed).min(1),
  }),
  /** T h N d^2 x (min(k, v) + q) x AC: the Spikingformer tool's bound, rates being means over the timesteps. */
  z.strictObject({
    kind: z.literal("attention-min"),
    timesteps: size,
    heads: size,
    tokens: size,
    headChannels: size,
    q: printed,
    k: printed,
    v: printed,
  }),
  /** F x `times` x MAC: layers that read reals. */
  z.strictObject({
    kind: z.literal("dense"),
    layers: z.array(z.strictObject({ name: z.string().min(1), operations })).min(1),
    times: size.default(1),
  }),
  /** Printed counts, in G, at a price of the energy table or, where the paper must have used another one, at that. */
  z.strictObject({
    kind: z.literal("counts"),
    counts: z.array(z.strictObject({ event: z.enum(["ac", "mac"]), giga: printed, price: price.optional() })).min(1),
  }),
  /** Rows of this table added up: as they are printed, or as they come out here. */
  z.strictObject({
    kind: z.literal("sum"),
    parts: z.array(z.strictObject({ group: z.string().min(1), as: z.enum(["printed", "recomputed"]) })).min(1),
  }),
  /** A row of another table. */
  z.strictObject({ kind: z.literal("elsewhere"), paper: z.string().min(1), row: z.string().min(1) }),
  /** bytes x (parameters + activations); parameters in M. */
  z.strictObject({ kind: z.literal("memory"), bytes: size, parameters: printed, activations: size }),
  /** The parameters P, in M, that two printed memories mean: 4 P + A with 32-bit weights, P + A with 8-bit ones. */
  z.strictObject({ kind: z.literal("memory-parameters"), megabytes32: printed, megabytes8: printed }),
  /** The activations A, in MB at 8 bits each, that the same two memories mean. */
  z.strictObject({ kind: z.literal("memory-activations"), megabytes32: printed, megabytes8: printed }),
  /** N x (1 - sparsity): tokens that are left. */
  z.strictObject({ kind: z.literal("tokens-left"), tokens: size, sparsityPercent: printed }),
  /** The polynomial through the paper's own points, at `tokens` x (1 - sparsity). */
  z.strictObject({
    kind: z.literal("curve"),
    points: z.array(z.strictObject({ at: size, value: printed })).min(2),
    tokens: size,
    sparsityPercent: printed,
  }),
  /** The paper prints too little. */
  z.strictObject({ kind: z.literal("none"), reason: z.string().min(1) }),
]);

/** Units of printed figures, as multiples of what formulas are evaluated in: J, operations, bytes, parameters, tokens. */
export const UNITS = { mJ: 1e-3, G: 1e9, ops: 1, MB: 1e6, M: 1e6, tokens: 1 } as const;

const row = z.strictObject({
  id: z.string().min(1),
  /** What sums call it together with others. */
  group: z.string().min(1).optional(),
  /** None where the paper counts something without printing it by itself. */
  printed: printed.optional(),
  unit: z.enum(["mJ", "G", "ops", "MB", "M", "tokens"]),
  formula,
  /** What the printed figure and the formula have to do with each other, where that is not plain. */
  note: z.string().min(1).optional(),
});

export const paperSchema = z
  .strictObject({
    name: z.string().min(1),
    title: z.string().min(1),
    source: z.string().min(1),
    notes: z.array(z.string().min(1)),
    rows: z.array(row).min(1),
  })
  .superRefine(({ rows }, context) => {
    const fault = (index: number, message: string): void =>
      context.addIssue({ code: "custom", path: ["rows", index], message });
    for (const [index, { id, formula: how }] of rows.entries()) {
      if (rows.findIndex((other) => other.id === id) !== index) fault(index, `\`${id}\` is there twice`);
      if (how.kind !== "sum") continue;
      for (const { group, as } of how.parts) {
        const members = rows.filter((other) => other.group === group);
        if (members.length === 0) fault(index, `no row is in the group \`${group}\``);
        for (const member of members) {
          const given = as === "printed" ? member.printed !== undefined : member.formula.kind !== "none";
          if (!given) fault(index, `\`${member.id}\` cannot be added up as ${as}`);
          if (member.formula.kind === "sum") fault(index, `\`${member.id}\` is a sum itself`);
        }
      }
    }
  });

export type Paper = z.infer<typeof paperSchema>;
export type PaperRow = Paper["rows"][number];
export type Formula = PaperRow["formula"];
export type Operations = z.infer<typeof operations>;
export type Unit = keyof typeof UNITS;
