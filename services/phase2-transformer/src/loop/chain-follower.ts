import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { checkFollows, readEntry } from '@millrace/core/chain/entries.ts';
import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { PendingPiece } from '../plan/batches.ts';
import { pieceBytes, piecesOf } from '../plan/pieces.ts';
import { mapBounded } from './map-bounded.ts';

/** Where reading of one chain begins: `position` may lie inside entry `seq` (R3). */
export type ChainPosition = { source: SourcePartition; position: bigint; seq: bigint };

type Chain = {
  source: SourcePartition;
  /** pieces below it are not wanted */
  position: bigint;
  nextSeq: bigint;
  previous: ChainEntry | undefined;
  pending: PendingPiece[];
  landed: bigint;
  /** Kafka timestamp (ms) of the newest record that was taken into a committed batch */
  committedTimestamp: number | null;
};

/** Requests for next entries under way at a time, of one dataset. */
const readsMax = 8;
/** Pieces waiting at most, over all chains of a dataset: the follower reads no further until they are taken. */
const pendingPiecesMax = 4096;
/** Entries read of one chain before the next chain has its turn. */
const entriesPerTurn = 64;
/** Between two looks for new incarnations and partitions, ms; while there is none, ms; and per known chain, so that a wide topic costs at most two LISTs a second. */
const discoveryIntervalMs = 3_000;
const firstDiscoveryIntervalMs = 1_500;
const discoveryIntervalPerChainMs = 500;
/** Between two looks at a chain, ms: after news, and at most when there is none. One GET each. */
const pollIntervalMsMin = 250;
const pollIntervalMsMax = 2_000;

/**
 * Follows all chains of one topic for one dataset: which chains there are, and their entries one by one by `GET seq + 1` (a listing is never truth).
 * Holds what has landed and is not yet in the table, as names and ranges, not as bytes. Calls must not overlap.
 */
export class ChainFollower {
  readonly #raw: ObjectStore;
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #chains = new Map<string, Chain>();
  readonly #bytesMax: number;
  /** waiting over all chains; counted along, since it is asked for at every entry */
  #waiting = { pieces: 0, bytes: 0 };
  #discoverAt = 0;
  #pollAt = 0;
  #pollIntervalMs = pollIntervalMsMin;

  /** @param bytesMax JSON bytes of pieces waiting at which reading ahead stops */
  constructor(raw: ObjectStore, topic: string, clock: Clock, bytesMax: number) {
    this.#raw = raw;
    this.#topic = topic;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** Chains being followed. */
  get size(): number {
    return this.#chains.size;
  }

  /** Looks for chains nobody told us of yet, when it is time. `locate` says where the table begins on a new one. */
  async discover(locate: (source: SourcePartition) => Promise<ChainPosition | undefined>, signal: AbortSignal): Promise<void> {
    if (this.#clock.monotonic() < this.#discoverAt) return;
    for (const topicId of await discoverTopicIds(this.#raw, this.#topic, signal))
      for (const partition of await discoverPartitions(this.#raw, this.#topic, topicId, signal)) {
        if (this.#chains.has(sourceKey({ topicId, partition }))) continue;
        const at = await locate({ topicId, partition });
        if (at !== undefined) this.follow(at);
      }
    const intervalMs = this.size === 0 ? firstDiscoveryIntervalMs : Math.max(discoveryIntervalMs, this.size * discoveryIntervalPerChainMs);
    this.#discoverAt = this.#clock.monotonic() + intervalMs;
  }

  /** Begins to follow a chain. */
  follow({ source, position, seq }: ChainPosition): void {
    this.#count(-1, this.#chains.get(sourceKey(source))?.pending ?? []);
    this.#chains.set(sourceKey(source), {
      source,
      position,
      nextSeq: seq,
      previous: undefined,
      pending: [],
      landed: position,
      committedTimestamp: null,
    });
    this.#pollAt = 0;
  }

  /**
   * Reads what is new on every chain, when it is time (or `atOnce`) and there is room.
   * @throws as `readEntry`: kind `invalid` for a newer format or kind (stop, never skip), kind `corrupt` for a damaged chain
   */
  async poll(signal: AbortSignal, atOnce = false): Promise<void> {
    if ((!atOnce && this.#clock.monotonic() < this.#pollAt) || this.#full()) return;
    const news = await mapBounded([...this.#chains.values()], readsMax, (chain) => this.#readOn(chain, signal));
    this.#pollIntervalMs = news.some(Boolean) ? pollIntervalMsMin : Math.min(pollIntervalMsMax, this.#pollIntervalMs * 1.5);
    this.#pollAt = this.#clock.monotonic() + this.#pollIntervalMs;
  }

  async #readOn(chain: Chain, signal: AbortSignal): Promise<boolean> {
    for (let turn = 0; turn < entriesPerTurn; turn++) {
      if (this.#full()) return true;
      const entry = await readEntry(this.#raw, this.#topic, chain.source, chain.nextSeq, signal);
      if (entry === undefined) return turn > 0;
      if (chain.previous !== undefined || entry.seq === 0n) checkFollows(chain.previous, entry);
      const seenAt = this.#clock.monotonic();
      const pieces = piecesOf(entry, chain.position).map((piece) => ({ ...piece, seenAt }));
      chain.pending.push(...pieces);
      this.#count(1, pieces);
      chain.previous = entry;
      chain.nextSeq = entry.seq + 1n;
      if (entry.endOffset > chain.landed) chain.landed = entry.endOffset;
    }
    return true;
  }

  #full(): boolean {
    return this.#waiting.pieces >= pendingPiecesMax || this.#waiting.bytes >= this.#bytesMax;
  }

  #count(sign: 1 | -1, pieces: readonly PendingPiece[]): void {
    this.#waiting.pieces += sign * pieces.length;
    for (const piece of pieces) this.#waiting.bytes += sign * pieceBytes(piece);
  }

  /** Monotonic ms at which there is something to do: a look at the chains or for chains. */
  nextLookAt(): number {
    return Math.min(this.#discoverAt, this.#full() ? Number.POSITIVE_INFINITY : this.#pollAt);
  }

  /** What waits for a batch: one list a chain, in chain order. */
  pending(): PendingPiece[][] {
    return [...this.#chains.values()].map((chain) => chain.pending);
  }

  /** Takes committed pieces off: they are the first of their chains. */
  taken(pieces: readonly PendingPiece[]): void {
    for (const piece of pieces) {
      const chain = this.#chains.get(sourceKey(piece.source));
      if (chain?.pending[0] !== piece) continue;
      chain.pending.shift();
      this.#count(-1, [piece]);
      chain.position = piece.endOffset;
      chain.committedTimestamp = piece.object?.lastTimestamp ?? chain.committedTimestamp;
    }
  }

  /**
   * Others have moved a position: what lies below it is not wanted any more. A position inside a piece, or beyond what was read, is read again from its entry.
   * Chains nobody follows yet are found by `discover`.
   */
  moveTo(at: ChainPosition): void {
    const chain = this.#chains.get(sourceKey(at.source));
    if (chain === undefined || chain.position === at.position) return;
    const { pending } = chain;
    const rest = pending.findIndex((piece) => piece.startOffset === at.position);
    const isAtEnd = pending.at(-1)?.endOffset === at.position;
    if (rest < 0 && !isAtEnd) {
      this.follow({ ...at, source: chain.source });
      return;
    }
    this.#count(-1, pending.splice(0, isAtEnd ? pending.length : rest));
    chain.position = at.position;
  }

  /** Landed end per chain, as seen. */
  landed(): Map<string, bigint> {
    return new Map([...this.#chains].map(([key, chain]) => [key, chain.landed]));
  }

  /** Kafka timestamp (ms) up to which everything seen as landed is in the table: the oldest of the chains that have something waiting, else the newest of all. */
  committedTimestamp(): number | null {
    const chains = [...this.#chains.values()];
    const waiting = chains.filter((chain) => chain.pending.length > 0);
    const known = (waiting.length > 0 ? waiting : chains).map((chain) => chain.committedTimestamp).filter((time) => time !== null);
    if (known.length === 0) return null;
    return waiting.length > 0 ? Math.min(...known) : Math.max(...known);
  }
}
