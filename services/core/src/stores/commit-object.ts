import { isKind, MillraceError } from '../domain/errors.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type CommitEvent, initialCommitState, nextCommitStep } from './commit-decision.ts';
import { clockDeadline } from './deadline-signal.ts';

/**
 * The three endings of a commit. `conflicted` brings what stands there; `unknown` brings the last error, and nothing of the commit may be deleted or re-used.
 * `wasUnknown`: the answer to a put was lost, and what stands there told that it is ours.
 */
export type ObjectCommit =
  | { status: 'committed'; wasUnknown?: true }
  | { status: 'conflicted'; body: Uint8Array }
  | { status: 'unknown'; cause: unknown };

export type CommitOptions = {
  clock: Clock;
  random: Random;
  /** how long it may take in all, ms */
  deadlineMs: number;
  /** stops it early; after a put was sent the ending is then `unknown` unless it is certain */
  signal?: AbortSignal;
  /** an earlier commit of the same bytes at the same key ended `unknown`: then a refusal says nothing about those */
  mayBeApplied?: boolean;
};

/**
 * Commits `body` at `key` by put-if-absent and settles the outcome: an answer that was lost is found out by repeating the identical put and
 * reading back what stands there. Idempotent: called again with the same arguments it ends the same way.
 * @param isOurs looks for the attempt id of *this* attempt in stored bytes; bytes it cannot read are not ours
 * @throws kind `unavailable` or `invalid` only when it is certain that nothing was written and nothing can arrive any more;
 *         whatever `isOurs` throws
 */
export async function commitObject(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
  isOurs: (stored: Uint8Array) => boolean,
  options: CommitOptions,
): Promise<ObjectCommit> {
  const { clock, random } = options;
  const endsAt = clock.monotonic() + options.deadlineMs;
  const deadline = clockDeadline(clock, options.deadlineMs, options.signal);
  let state = { ...initialCommitState, mayBeApplied: options.mayBeApplied ?? false };
  let request: 'put' | 'read' = 'put';
  let stored: Uint8Array | undefined;
  let lastError: unknown;

  async function put(): Promise<CommitEvent> {
    try {
      return { saw: await store.putIfAbsent(key, body, deadline.signal) };
    } catch (error) {
      lastError = error;
      if (isKind(error, 'invalid')) return { saw: 'put_failed', applied: 'refused' };
      return {
        saw: 'put_failed',
        applied: isKind(error, 'unavailable') && error.fields.outcome === 'not_applied' ? 'no' : 'unknown',
      };
    }
  }

  async function read(): Promise<CommitEvent> {
    try {
      stored = await store.get(key, { signal: deadline.signal });
    } catch (error) {
      lastError = error;
      return { saw: 'read_failed' };
    }
    if (stored === undefined) return { saw: 'read', found: 'nothing' };
    return { saw: 'read', found: isOurs(stored) ? 'ours' : 'other' };
  }

  try {
    for (;;) {
      const event: CommitEvent = request === 'put' ? await put() : await read();
      const remainingMs = options.signal?.aborted ? 0 : endsAt - clock.monotonic();
      const next = nextCommitStep(state, event, remainingMs, random.fraction());
      state = next.state;
      const { step } = next;
      if (step.do === 'fail')
        throw (
          lastError ??
          new MillraceError(
            'unavailable',
            'commit_not_settled',
            `${key} was neither there nor could it be created in ${options.deadlineMs} ms`,
            { key, url: store.url },
          )
        );
      if (step.do === 'end') {
        if (step.status === 'committed')
          return { status: 'committed', ...(state.mayBeApplied || event.saw === 'read' ? { wasUnknown: true } : {}) };
        if (step.status === 'conflicted') return { status: 'conflicted', body: stored as Uint8Array };
        return { status: 'unknown', cause: lastError };
      }
      await clock.sleep(step.afterMs, options.signal);
      request = step.do;
    }
  } finally {
    deadline.release();
  }
}
