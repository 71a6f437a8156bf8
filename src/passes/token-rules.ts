import type { AttrValue } from "../ir/index.js";
import type { PassContext } from "./pass.js";
import { isAskedFor, type PlaceFilter, type Selection } from "./token-selections.js";

/** How many tokens a place keeps: `k`, or with `attrs` of `tokens.top-share` from `least` to `most`. */
export type KeepRule = { readonly least: number; readonly most: number } & (
  | { readonly kind: "k"; readonly k: number }
  | { readonly kind: "share"; readonly attrs: Readonly<Record<string, AttrValue>> }
);

const DEFAULT_FRACTION = 0.5;

/** What is wrong with an option, and a way out. */
type Fault = readonly [option: string, message: string, hint: string];

const names = (places: readonly Selection[]): string => places.map(({ name }) => `\`${name}\``).join(", ");

/** The places that a run of the pass is about, each with its rule; nothing, with a report, where the options do not fit the net. */
export function rulesFor(
  places: readonly Selection[],
  filter: PlaceFilter,
  context: PassContext,
): ReadonlyMap<Selection, KeepRule> | undefined {
  const asked = places.filter((place) => isAskedFor(place, filter));
  const rules = new Map<Selection, KeepRule>();
  let fault =
    numberFault(context) ?? placeFault(places, asked, filter) ?? cueFault(asked, context) ?? listFault(asked, context);
  for (const [i, place] of asked.entries()) {
    const rule = fault === undefined ? ruleOf(place, i, context) : undefined;
    if (rule === undefined) break;
    if ("least" in rule) rules.set(place, rule);
    else fault = rule;
  }
  if (fault === undefined) return rules;
  return context.complainOption(...fault);
}

/** The numbers against each other. */
function numberFault(context: PassContext): Fault | undefined {
  const [k, fractions, share] = [context.numbers("k"), context.numbers("fraction"), context.number("share")];
  const [floor, capacity] = [context.number("floor"), context.number("capacity")];
  const given = Object.entries({ k: k.length > 0, fraction: fractions.length > 0, share: share !== 0 });
  const several = given.flatMap(([name, is]) => (is ? [`\`${name}\``] : []));
  if (several.length > 1) {
    return [
      given.find(([, is]) => is)?.[0] ?? "k",
      `${several.join(" and ")} ${several.length === 2 ? "both" : "all"} say how many tokens stay`,
      "give one of them",
    ];
  }
  const wrong = fractions.find((fraction) => !(fraction > 0 && fraction <= 1));
  if (wrong !== undefined) {
    return ["fraction", `\`fraction\` expects numbers above 0, at most 1, got ${wrong}`, "use 0.25 for a quarter"];
  }
  if (share < 0 || share > 1) {
    return [
      "share",
      `\`share\` expects a number above 0, at most 1, got ${share}`,
      "use 0.5 for half of the way to the largest score",
    ];
  }
  const bound = ["floor", "capacity", "overflow"].find((name) => context.isGiven(name));
  if (share === 0 && bound !== undefined) {
    return [
      bound,
      "`floor`, `capacity` and `overflow` bound how many tokens reach `share`",
      "give share=0.5, or leave them out",
    ];
  }
  if (capacity !== 0 && floor > capacity) {
    return ["floor", `floor = ${floor} is above capacity = ${capacity}`, `use floor = 1 to ${capacity}`];
  }
  return undefined;
}

/** Whether the net has the places. A net without any attention is left alone, one without a place asked for by name is a mistake. */
function placeFault(places: readonly Selection[], asked: readonly Selection[], filter: PlaceFilter): Fault | undefined {
  const { before, layers } = filter;
  const kind = before === "mlp" ? "MLP" : before === "both" ? "attention or MLP" : "attention";
  const ofKind = places.filter((place) => isAskedFor(place, { before, layers: "all" }));
  if (layers !== "all" && asked.length === 0) {
    const hint =
      ofKind.length === 0
        ? `the net has no ${kind} whose tokens can be selected`
        : `use all, ${ofKind.map(({ name }) => name).join(", ")}, or how one of them begins`;
    return ["layers", `no ${kind} has the name \`${layers}\``, hint];
  }
  if (before === "attention" || ofKind.length > 0) return undefined;
  const hint = places.length > 0 ? "use before = attention" : "leave the pass out";
  return ["before", `before = ${before}, but the net has no ${kind} whose tokens can be selected`, hint];
}

function cueFault(asked: readonly Selection[], context: PassContext): Fault | undefined {
  const cue = context.word("cue");
  const branches = asked.filter((place) => place.attention === undefined);
  if (cue === "relevance" && branches.length > 0) {
    const hint = "use before = attention, or rate, first-spike, interval or sparta";
    return ["cue", `\`cue = relevance\` looks at keys and values, an MLP has none (${names(branches)})`, hint];
  }
  if (cue === "relevance" && context.word("project") === "kept") {
    return ["cue", "`cue = relevance` looks at keys and values of all tokens", "use project = all, or another cue"];
  }
  const closed = asked.filter(
    (place) => place.attention !== undefined && place.branch === undefined && !place.selected,
  );
  if (context.word("drop") === "residual" && closed.length > 0) {
    const message =
      "drop = residual, but the result of the attention is not added to the stream that its spikes come from";
    return ["drop", `${message} (${names(closed)})`, "use drop = kv, or leave these out with layers"];
  }
  const weight = ["alpha", "beta", "gamma"].find((name) => context.isGiven(name));
  if (weight !== undefined && cue !== "sparta") {
    const message = `\`${weight}\` weighs a part of \`cue = sparta\`, the cue is ${cue}`;
    return [weight, message, "add cue=sparta, or leave it out"];
  }
  return undefined;
}

/** Lists have one number for all places, or one for each; without any place there is nothing that they could not fit. */
function listFault(asked: readonly Selection[], context: PassContext): Fault | undefined {
  for (const name of ["k", "fraction"]) {
    const { length } = context.numbers(name);
    if (asked.length === 0 || length <= 1 || length === asked.length) continue;
    const message = `\`${name}\` lists ${length} numbers, tokens are selected in ${asked.length} places: ${names(asked)}`;
    return [name, message, `give ${asked.length} numbers, or one for all`];
  }
  return undefined;
}

/** The rule of the i-th place. */
function ruleOf(place: Selection, i: number, context: PassContext): KeepRule | Fault {
  const { tokens, name } = place;
  const at = (list: readonly number[]): number | undefined => (list.length === 1 ? list[0] : list[i]);
  const tooMany = (option: string, n: number): Fault => [
    option,
    `${option} = ${n}, but \`${name}\` has ${tokens} tokens`,
    `use ${option} = 1 to ${tokens}`,
  ];
  const share = context.number("share");
  if (share > 0) {
    const floor = context.number("floor");
    const capacity = context.number("capacity") || tokens;
    if (capacity > tokens) return tooMany("capacity", capacity);
    if (floor > capacity) return tooMany("floor", floor);
    const attrs = { share, floor, capacity, overflow: context.word("overflow") };
    return { kind: "share", attrs, least: floor, most: capacity };
  }
  const fraction = at(context.numbers("fraction")) ?? DEFAULT_FRACTION;
  const k = at(context.numbers("k")) ?? Math.max(1, Math.ceil(tokens * fraction));
  return k > tokens ? tooMany("k", k) : { kind: "k", k, least: k, most: k };
}
