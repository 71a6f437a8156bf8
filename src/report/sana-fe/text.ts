/** Pieces of the YAML files that SANA-FE reads. All names are made here, so nothing needs quotes but units of a list. */

/**
 * A name that SANA-FE and YAML read as one: `.` separates a group from a neuron there, `[` and `..` are ranges. `prefix` keeps
 * names apart that differ in other characters alone.
 */
export function identifier(prefix: string, name: string): string {
  return `${prefix}_${name.replace(/[^A-Za-z0-9_]+/g, "_")}`;
}

/** A mapping on one line; values that are undefined are left out. */
export function mapping(entries: Readonly<Record<string, string | number | undefined>>): string {
  const written = Object.entries(entries).filter(([, value]) => value !== undefined);
  return `{${written.map(([key, value]) => `${key}: ${value}`).join(", ")}}`;
}

/** Picoseconds and picojoules as seconds and joules, to the last digit. */
export const pico = (value: number): string => `${value}e-12`;

/** Unit `index` of hardware units that were declared as `name[0..n]`. */
export const unit = (name: string, index: number): string => `"${name}[${index}]"`;

/** Consecutive items that are alike: first and last index, and what they have in common. */
export function* runs<T>(items: Iterable<T>): Generator<readonly [first: number, last: number, item: T]> {
  let [first, next] = [0, 0];
  let current: T | undefined;
  for (const item of items) {
    if (next > first && item !== current) {
      yield [first, next - 1, current as T];
      first = next;
    }
    current = item;
    next++;
  }
  if (next > first) yield [first, next - 1, current as T];
}

/** `3` or `3..5`. */
export const range = (first: number, last: number): string => (first === last ? `${first}` : `${first}..${last}`);
