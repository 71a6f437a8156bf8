/** Words that a weighted sum reads before its work: exponents of the grid, and two of biases. */
export const PARAMETER_WORDS = 3;
