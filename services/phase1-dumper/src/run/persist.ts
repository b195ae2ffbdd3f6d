import { type ChainEntry, chainEntry, encodeStored } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import { commitObject } from '@millrace/core/stores/commit-object.ts';
import type { LandingContext } from './context.ts';
import type { Party } from './health.ts';
import type { Doing } from './metrics/client.ts';

const retryMinMs = 200;
const retryMaxMs = 5_000;
/** A request without an answer for so long shows in readiness, ms. */
const slowMs = 5_000;
/** One settling of a commit may take so long, ms, before it is begun again with the same bytes. */
const commitDeadlineMs = 15_000;

/**
 * Repeats a request while the other side is away: bounded back-off with jitter, until the signal aborts.
 * `invalid` is waited for too: credentials and buckets are mended from outside while the buffer is held. `corrupt` and `internal` are thrown.
 * @returns undefined as soon as the signal aborts: a request under way is left to itself and may still be carried out
 */
export async function persist<T>(
  context: LandingContext,
  party: Party,
  doing: Doing,
  request: () => Promise<T>,
  signal: AbortSignal,
  onWait?: (reason: string) => void,
): Promise<T | undefined> {
  for (let delayMs = retryMinMs; !signal.aborted; delayMs = Math.min(delayMs * 2, retryMaxMs)) {
    const answered = new AbortController();
    void context.clock.sleep(slowMs, answered.signal).then(() => {
      if (!answered.signal.aborted) context.health.set(party, `${doing}: no answer for ${slowMs / 1000} s`);
    });
    try {
      const ending = await untilAborted(request(), signal);
      if (ending === undefined) return undefined;
      context.health.set(party, null);
      return ending.result;
    } catch (error) {
      if (!isKind(error, 'unavailable', 'invalid') || (isKind(error, 'invalid') && error.code === 'newer_format')) throw error;
      if (signal.aborted) return undefined;
      const reason = `${doing}: ${describeError(error)}`;
      context.health.set(party, reason);
      onWait?.(reason);
      context.metrics.retries.inc({ doing });
      context.log.warn({ doing, delayMs, err: error }, 'waiting for the other side');
      await context.clock.sleep(delayMs * (0.75 + context.random.fraction() / 2), signal);
    } finally {
      answered.abort('answered');
    }
  }
  return undefined;
}

/** How `work` ends, or undefined as soon as the signal aborts, whatever the work does with it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<{ result: T } | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const abort = () => aborted.resolve(undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work.then((result) => ({ result })), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** A commit that is settled, or was given up by the signal: then it may still land, and only a reader of the chain can tell. */
export type SettledCommit = { status: 'committed'; wasUnknown?: true } | { status: 'conflicted'; body: Uint8Array } | { status: 'aborted' };

/** Puts `body` at `key` if absent and settles the outcome, however long it takes: an unknown ending repeats the identical put (design section 2). */
export async function settleCommit(
  context: LandingContext,
  key: string,
  body: Uint8Array,
  attemptId: string,
  signal: AbortSignal,
  onWait?: (reason: string) => void,
): Promise<SettledCommit> {
  const isOurs = (stored: Uint8Array) => attemptIdOf(stored) === attemptId;
  let wasUnknown = false;
  for (let delayMs = retryMinMs; ; delayMs = Math.min(delayMs * 2, retryMaxMs)) {
    const { clock, random } = context;
    const commit = await persist(
      context,
      'store',
      'commit',
      () => commitObject(context.store, key, body, isOurs, { clock, random, deadlineMs: commitDeadlineMs, signal }),
      signal,
      onWait,
    );
    if (commit === undefined) return { status: 'aborted' };
    if (commit.status === 'committed' && wasUnknown) return { ...commit, wasUnknown };
    if (commit.status !== 'unknown') return commit;
    wasUnknown = true;
    if (signal.aborted) return { status: 'aborted' };
    onWait?.(`the outcome of a commit is unknown: ${describeError(commit.cause)}`);
    context.metrics.retries.inc({ doing: 'settle' });
    await clock.sleep(delayMs, signal);
  }
}

/** Writes an entry at its place in its chain, as `settleCommit`. */
export function settleEntry(
  context: LandingContext,
  entry: ChainEntry,
  signal: AbortSignal,
  onWait?: (reason: string) => void,
): Promise<SettledCommit> {
  const key = chainEntryKey(entry.source.topic, entry.source, entry.seq);
  return settleCommit(context, key, encodeStored(chainEntry, entry), entry.attemptId, signal, onWait);
}

function attemptIdOf(stored: Uint8Array): unknown {
  try {
    return (JSON.parse(new TextDecoder().decode(stored)) as { attemptId?: unknown } | null)?.attemptId;
  } catch {
    return undefined;
  }
}
