/** What one request of a commit told us. */
export type CommitEvent =
  | { saw: 'created' }
  | { saw: 'exists' }
  /** the put failed; `unknown`: it may have been applied or may still be */
  | { saw: 'put_failed'; applied: 'unknown' | 'no' | 'refused' }
  | { saw: 'read'; found: 'ours' | 'other' | 'nothing' }
  | { saw: 'read_failed' };

/** What is known so far. `mayBeApplied`: some put of ours ended unknown, so our bytes may be there, now or later. */
export type CommitState = { failures: number; mayBeApplied: boolean };

export type CommitStep =
  | { do: 'put' | 'read'; afterMs: number }
  | { do: 'end'; status: 'committed' | 'conflicted' | 'unknown' }
  /** certain: nothing of ours is there and nothing can arrive; the last error says why */
  | { do: 'fail' };

export const initialCommitState: CommitState = {
  failures: 0,
  mayBeApplied: false,
};

/** Back-off between requests of one commit. */
export const commitBackoffMsMin = 50;
export const commitBackoffMsMax = 5_000;

/**
 * Decides the next request of a commit by put-if-absent, or its ending. Pure.
 * The identical put repeated is the probe that settles an unknown outcome: `created` is a win, `exists` sends us to read whose bytes are there.
 * A refusal (403, 400 …) after an unknown put tells nothing about that put, so it never turns unknown into failed.
 * @param remainingMs until the deadline, 0 or below when it is over or the caller asked to stop
 * @param fraction in [0, 1), for jitter
 * @see formats: object stores section 7; design section 2
 */
export function nextCommitStep(
  state: CommitState,
  event: CommitEvent,
  remainingMs: number,
  fraction: number,
): { state: CommitState; step: CommitStep } {
  switch (event.saw) {
    case 'created':
      return { state, step: { do: 'end', status: 'committed' } };
    case 'exists':
      return remainingMs > 0 ? { state, step: { do: 'read', afterMs: 0 } } : { state, step: { do: 'end', status: 'unknown' } };
    case 'read':
      if (event.found === 'ours') return { state, step: { do: 'end', status: 'committed' } };
      if (event.found === 'other') return { state, step: { do: 'end', status: 'conflicted' } };
      return later(state, 'put', remainingMs, fraction);
    case 'read_failed':
      return later(state, 'read', remainingMs, fraction, true);
    case 'put_failed': {
      const known = {
        ...state,
        mayBeApplied: state.mayBeApplied || event.applied === 'unknown',
      };
      if (event.applied === 'refused' && !known.mayBeApplied) return { state: known, step: { do: 'fail' } };
      return later(known, 'put', remainingMs, fraction);
    }
  }
}

/** @param existed something is at the key and we could not read whose */
function later(
  state: CommitState,
  next: 'put' | 'read',
  remainingMs: number,
  fraction: number,
  existed = false,
): { state: CommitState; step: CommitStep } {
  const ceiling = Math.min(commitBackoffMsMax, commitBackoffMsMin * 2 ** Math.min(state.failures, 20));
  const afterMs = Math.round(ceiling * (0.5 + fraction / 2));
  const counted = { ...state, failures: state.failures + 1 };
  if (afterMs < remainingMs) return { state: counted, step: { do: next, afterMs } };
  return {
    state: counted,
    step: state.mayBeApplied || existed ? { do: 'end', status: 'unknown' } : { do: 'fail' },
  };
}
