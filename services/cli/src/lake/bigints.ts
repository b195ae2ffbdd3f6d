/** The smaller of two offsets. Pure. */
export const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** The larger of two offsets. Pure. */
export const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
