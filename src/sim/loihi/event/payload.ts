/** Whether messages of so many bits, sign included, can carry a payload; 0 bits: none. */
export function fits(payload: number, gradedBits: number): boolean {
  if (gradedBits === 0) return false;
  const half = 2 ** (gradedBits - 1);
  return payload >= -half && payload < half;
}
