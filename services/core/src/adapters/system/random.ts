import { randomBytes } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { Random } from '../../ports/clock.ts';

/** A number in [0, 1) with 53 random bits. */
function fraction(): number {
  return Number(randomBytes(8).readBigUInt64BE() >> 11n) / 2 ** 53;
}

const nextUlid = monotonicFactory(fraction);

/** Randomness from the operating system. ULIDs of one process rise strictly, also inside one millisecond. */
export const systemRandom: Random = {
  ulid: () => nextUlid(),
  id53: () => {
    for (;;) {
      const id = randomBytes(8).readBigUInt64BE() >> 11n;
      if (id !== 0n) return id;
    }
  },
  fraction,
};
