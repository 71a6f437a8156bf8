/** Numbers as text that reads back to the same bits. */

/** The shortest decimal text of a double; keeps the sign of zero. */
export function printNumber(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The shortest decimal text that rounds to the same f32: `0.1` rather than `0.10000000149011612`. */
export function printF32(value: number): string {
  if (Object.is(value, -0)) return "-0";
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}
