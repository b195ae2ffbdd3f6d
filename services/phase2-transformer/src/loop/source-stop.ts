import { hash } from 'node:crypto';
import type { RawObject } from '@millrace/core/domain/chain.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import { type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { PendingPiece } from '../plan/batches.ts';

/** Between two looks at an object that is damaged, ms. One GET. */
const lookAgainMs = 5_000;
/** Stopped source partitions a reason names at most. */
const shownMax = 5;

/** A source partition that is not read on: the object of `piece` is missing or not what its entry says. `lookAt` is monotonic ms. */
export type SourceStop = { readonly piece: PendingPiece; readonly reason: string; lookAt: number };

/** The part of a chain follower that stops concern. */
export type Stoppable = { hold(stop: SourceStop): void; stops(): SourceStop[]; letGo(source: SourcePartition): void };

/**
 * Stops the one source partition that an error is about, when it says that a raw object of the batch is damaged: the others go on without it.
 * @returns the stop, undefined for any other error
 */
export function stopSource(error: unknown, pieces: readonly PendingPiece[], follower: Stoppable, now: number): SourceStop | undefined {
  if (!isKind(error, 'corrupt')) return undefined;
  const piece = pieces.find(({ object }) => object !== undefined && object.key === error.fields.key);
  if (piece === undefined) return undefined;
  const stop = {
    piece,
    reason: `source partition ${sourceKey(piece.source)} stops at offset ${piece.startOffset}: ${error.message}`,
    lookAt: now + lookAgainMs,
  };
  follower.hold(stop);
  return stop;
}

/** Looks again at objects that were damaged, when it is time; a source whose object is what it should be is read on. */
export async function lookAgain(follower: Stoppable, raw: ObjectStore, now: number, signal: AbortSignal): Promise<void> {
  for (const stop of follower.stops()) {
    if (now < stop.lookAt) continue;
    stop.lookAt = now + lookAgainMs;
    const { object, source } = stop.piece;
    if (object === undefined || (await isWhole(raw, object, signal))) follower.letGo(source);
  }
}

async function isWhole(raw: ObjectStore, object: RawObject, signal: AbortSignal): Promise<boolean> {
  const bytes = await raw.get(object.key, { signal });
  return bytes !== undefined && hash('sha256', bytes) === object.sha256;
}

/** What a person reads of stopped sources; null when there is none. Pure. */
export function stopsWords(stops: readonly SourceStop[]): string | null {
  if (stops.length === 0) return null;
  const more = stops.length > shownMax ? `; and ${stops.length - shownMax} more` : '';
  const shown = stops.slice(0, shownMax).map(({ reason }) => reason);
  return `${shown.join('; ')}${more}; the other partitions go on`;
}
