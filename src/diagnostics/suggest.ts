/** Levenshtein distance, for "did you mean". */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** Longer names are garbage, and the distance costs the product of the lengths. */
const LONGEST_NAME = 100;

/** A hint naming the closest of `names`, or all of them when none is close and there are few. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const limit = Math.max(2, Math.floor(wrong.length / 3));
  let best: { name: string; distance: number } | undefined;
  for (const name of names) {
    if (wrong.length > LONGEST_NAME || Math.abs(name.length - wrong.length) > limit) continue;
    const distance = editDistance(wrong, name);
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  if (best !== undefined) return `did you mean \`${best.name}\`?`;
  const sorted = [...names].sort();
  return sorted.length <= 30 ? `known: ${sorted.join(", ")}` : `known: ${sorted.slice(0, 30).join(", ")}, …`;
}
