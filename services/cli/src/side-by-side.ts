import { mapBounded } from '@millrace/core/work/map-bounded.ts';

/** Requests of one command under way at once. */
const atOnce = 8;

/** Does the same for each, a bounded number at a time; results in order. @throws the first failure */
export const sideBySide = <T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> => mapBounded(all, atOnce, work);
