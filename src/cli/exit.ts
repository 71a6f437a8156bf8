/** Exit codes: 0 fine, 1 the input is wrong, 2 the usage is wrong, 70 a bug of ours; 128 plus the number of a signal. */
export const EXIT = { fine: 0, input: 1, usage: 2, bug: 70 } as const;
