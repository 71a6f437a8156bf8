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

/** A hint naming the closest of `names`, or all of them when none is close. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const ranked = [...names].sort((a, b) => editDistance(wrong, a) - editDistance(wrong, b));
  const best = ranked[0];
  if (best !== undefined && editDistance(wrong, best) <= Math.max(2, Math.floor(wrong.length / 3))) {
    return `did you mean \`${best}\`?`;
  }
  return `known: ${[...names].sort().join(", ")}`;
}
