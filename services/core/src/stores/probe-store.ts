import { isKind, MillraceError } from '../domain/errors.ts';
import { compareKeys } from '../domain/object-key.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { ObjectStore, PutIfAbsentResult } from '../ports/object-store.ts';

/** Where probe objects lie. The leading underscore hides them from table readers. */
export const probeFolder = '_millrace_probe';
export const probeRacers = 16;
export const probeRounds = 5;
/** How often one probe request is repeated while the store says it is away. */
const attemptsMax = 5;
const retryMs = 200;

/** What the probe learnt. `leftBehind`: objects it may not delete (the ingest role needs no right to), harmless, below `_millrace_probe/`. */
export type ProbeReport = {
  rounds: number;
  racers: number;
  mayDelete: boolean;
  leftBehind: number;
};

/**
 * Finds out at start-up whether commits can stand on this store: the condition is obeyed, of 16 racers on a new key one wins and its bytes are read back,
 * a listing shows what was just written, and a deleted key can be created again where deleting is allowed.
 * A race can only show that a store is unsafe, never prove it safe.
 * @throws kind `invalid`, code `store_unsafe`, with what was seen; `unavailable` when the store is away; whatever the store refuses (bucket, credentials)
 * @see formats: object stores section 7
 */
export async function probeStore(
  store: ObjectStore,
  { clock, random, signal }: { clock: Clock; random: Random; signal?: AbortSignal },
): Promise<ProbeReport> {
  const folder = `${probeFolder}/${random.ulid()}`;
  const utf8 = new TextEncoder();
  const written: string[] = [];

  async function persist<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (!isKind(error, 'unavailable') || attempt === attemptsMax || signal?.aborted) throw error;
        await clock.sleep(retryMs * attempt, signal);
      }
    }
  }

  async function requireBody(key: string, bodies: Uint8Array[], doing: string): Promise<void> {
    const stored = await persist(() => store.get(key, { signal }));
    if (stored === undefined || !bodies.some((body) => Buffer.compare(body, stored) === 0))
      throw unsafe(store, `${doing}, the object read back is ${stored === undefined ? 'missing' : "not the winner's"}`);
  }

  // (a) the condition is obeyed: a second put on a key that is there must lose
  const first = `${folder}/condition`;
  const mine = utf8.encode('first');
  written.push(first);
  await persist(() => store.putIfAbsent(first, mine, signal));
  if ((await persist(() => store.putIfAbsent(first, utf8.encode('second'), signal))) === 'created')
    throw unsafe(store, 'a conditional put (If-None-Match: *) replaced an object that was there: the store ignores the condition');
  await requireBody(first, [mine], 'after a conditional put that lost');

  // (b) exactly one of many racers wins, and its bytes are what everybody reads
  for (let round = 0; round < probeRounds; round++) {
    const key = `${folder}/race-${round}`;
    const bodies = Array.from({ length: probeRacers }, (_, racer) => utf8.encode(`racer ${racer}`));
    const endings = await Promise.allSettled(bodies.map((body) => store.putIfAbsent(key, body, signal)));
    if (await judgeRace(endings, bodies, key)) written.push(key);
  }

  /** @returns false when no request was applied, so that there was nothing to judge */
  async function judgeRace(endings: PromiseSettledResult<PutIfAbsentResult>[], bodies: Uint8Array[], key: string): Promise<boolean> {
    const refused = endings.find((ending) => ending.status === 'rejected' && !isKind(ending.reason, 'unavailable'));
    if (refused?.status === 'rejected') throw refused.reason;
    const winners = bodies.filter((_, racer) => isCreated(endings[racer]));
    const undecided = bodies.filter((_, racer) => endings[racer]?.status === 'rejected');
    if (winners.length > 1) throw unsafe(store, `${winners.length} of ${probeRacers} racers on one new key were told that they created it`);
    if (winners.length === 0 && undecided.length === 0)
      throw unsafe(store, `none of ${probeRacers} racers on one new key was told that it created it`);
    // racers whose answer was lost (503, timeout) may have won when nobody else did
    if (winners.length === 0 && (await persist(() => store.get(key, { signal }))) === undefined) return false;
    await requireBody(key, winners.length === 1 ? winners : undecided, `after ${probeRacers} racers on one new key`);
    return true;
  }

  // (c) list after write, in order, and strictly after
  const listed = (await persist(() => store.list(`${folder}/`, { signal }))).map((info) => info.key);
  const missing = written.filter((key) => !listed.includes(key));
  if (missing.length > 0)
    throw unsafe(store, `a listing does not show ${missing.length} of ${written.length} objects that were just written`);
  const after = (await persist(() => store.list(`${folder}/`, { startAfter: first, signal }))).map((info) => info.key);
  if (after.join('\n') !== listed.filter((key) => compareKeys(key, first) > 0).join('\n'))
    throw unsafe(store, 'a listing that starts after a key does not go on where that key stands in byte order');

  // (d) a deleted key can be created again; no right to delete is fine
  const mayDelete = await persist(() => store.delete(first, signal)).then(
    () => true,
    (error) => {
      if (isKind(error, 'invalid')) return false;
      throw error;
    },
  );
  if (!mayDelete)
    return {
      rounds: probeRounds,
      racers: probeRacers,
      mayDelete,
      leftBehind: listed.length,
    };
  await persist(() => store.putIfAbsent(first, mine, signal));
  await requireBody(first, [mine], 'after a delete and a conditional put');
  for (const key of written) await persist(() => store.delete(key, signal));
  return { rounds: probeRounds, racers: probeRacers, mayDelete, leftBehind: 0 };
}

function isCreated(ending: PromiseSettledResult<PutIfAbsentResult> | undefined): boolean {
  return ending?.status === 'fulfilled' && ending.value === 'created';
}

function unsafe(store: ObjectStore, seen: string): MillraceError {
  return new MillraceError(
    'invalid',
    'store_unsafe',
    `${store.url} cannot hold commits: ${seen}. Two writers would overwrite each other and records would be lost. Use a store with atomic conditional writes (AWS S3, R2, versitygw 1.8.0 or later, SeaweedFS 4.22 or later) or a local folder (file:///…).`,
    { url: store.url },
  );
}
