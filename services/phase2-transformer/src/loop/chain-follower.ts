import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { checkFollows, readEntry } from '@millrace/core/chain/entries.ts';
import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { mapBounded } from '@millrace/core/work/map-bounded.ts';
import type { PendingPiece } from '../plan/batches.ts';
import { pieceBytes, piecesOf } from '../plan/pieces.ts';
import type { SourceStop } from './source-stop.ts';

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
  /** set while it is not read on */
  stop: SourceStop | undefined;
  /** newest entry we were told of; -1 for none */
  announced: bigint;
  /** the newest look found nothing behind what was read, and nobody has told of more since */
  atEnd: boolean;
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
/** Between two looks at everything, ms, while entries are announced. */
export const slowPollMsDefault = 30_000;

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
  readonly #slowPollMs: number;
  /** entries of this topic are announced, as far as we can tell: looking at everything is the net and may be slow */
  #told = false;
  /** chains with news we were told of, or with more than one turn could take */
  readonly #due = new Set<Chain>();

  /**
   * @param bytesMax JSON bytes of pieces waiting at which reading ahead stops
   * @param slowPollMs between two looks at everything while entries are announced
   */
  constructor(raw: ObjectStore, topic: string, clock: Clock, bytesMax: number, slowPollMs = slowPollMsDefault) {
    this.#raw = raw;
    this.#topic = topic;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
    this.#slowPollMs = slowPollMs;
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
    this.#discoverAt = this.#clock.monotonic() + (this.#told && this.size > 0 ? Math.max(intervalMs, this.#slowPollMs) : intervalMs);
  }

  /**
   * An entry of this topic was announced. What is told is never believed: it only says where to look.
   * @returns true when there is something to look at now
   */
  announced(source: SourcePartition, seq: bigint): boolean {
    this.#told = true;
    const chain = this.#chains.get(sourceKey(source));
    if (chain === undefined) this.#discoverAt = 0;
    else {
      if (seq > chain.announced) chain.announced = seq;
      if (seq < chain.nextSeq) return false;
      chain.atEnd = false;
      this.#due.add(chain);
    }
    return true;
  }

  /** Whether everything below `endOffset` of this chain has been taken, is not there (what is told may be wrong), or is not read on; undefined for a chain that is not followed. */
  hasTaken(source: SourcePartition, endOffset: bigint): boolean | undefined {
    const chain = this.#chains.get(sourceKey(source));
    if (chain === undefined) return undefined;
    return chain.stop !== undefined || chain.position >= endOffset || (this.#isAtEnd(chain) && chain.pending.length === 0);
  }

  /** Keys (`sourceKey`) of the chains of which all is read that stands, whatever was told of them. */
  atEnd(): string[] {
    return [...this.#chains].filter(([, chain]) => this.#isAtEnd(chain)).map(([key]) => key);
  }

  /** Told while a look was under way, a chain is due again, and that look's answer old. */
  #isAtEnd(chain: Chain): boolean {
    return chain.atEnd && !this.#due.has(chain);
  }

  /** Begins to follow a chain. */
  follow({ source, position, seq }: ChainPosition): void {
    const before = this.#chains.get(sourceKey(source));
    this.#count(-1, before?.pending ?? []);
    if (before !== undefined) this.#due.delete(before);
    this.#chains.set(sourceKey(source), {
      source,
      position,
      nextSeq: seq,
      previous: undefined,
      pending: [],
      landed: position,
      committedTimestamp: null,
      stop: undefined,
      announced: before?.announced ?? -1n,
      atEnd: false,
    });
    this.#pollAt = 0;
  }

  /**
   * Reads what is new, when there is room: on every chain when it is time (or `atOnce`), else where we were told to look.
   * @throws as `readEntry`: kind `invalid` for a newer format or kind (stop, never skip), kind `corrupt` for a damaged chain
   */
  async poll(signal: AbortSignal, atOnce = false): Promise<void> {
    const isTime = atOnce || this.#clock.monotonic() >= this.#pollAt;
    if ((!isTime && this.#due.size === 0) || this.#full()) return;
    const looked = isTime ? [...this.#chains.values()] : [...this.#due];
    for (const chain of looked) this.#due.delete(chain);
    const found = await mapBounded(looked, readsMax, (chain) => this.#readOn(chain, isTime, signal));
    if (!isTime) return;
    // news that nobody told us of: announcements are lost, or not sent at all
    if (found.some(({ news }) => news === 'unannounced')) this.#told = false;
    const quiet = found.every(({ news }) => news === 'nothing');
    this.#pollIntervalMs = quiet ? Math.min(pollIntervalMsMax, this.#pollIntervalMs * 1.5) : pollIntervalMsMin;
    const isSlow = this.#told && !found.some(({ more }) => more);
    this.#pollAt = this.#clock.monotonic() + (isSlow ? this.#slowPollMs : this.#pollIntervalMs);
  }

  /**
   * @param beyond false: no further than the entry that was announced, which spares the question that finds nothing
   * @returns `more` when it stopped for want of room or because its turn was over
   */
  async #readOn(
    chain: Chain,
    beyond: boolean,
    signal: AbortSignal,
  ): Promise<{ news: 'nothing' | 'announced' | 'unannounced'; more: boolean }> {
    let news: 'nothing' | 'announced' | 'unannounced' = 'nothing';
    if (chain.stop !== undefined) return { news: 'nothing', more: false };
    for (let turn = 0; turn < entriesPerTurn; turn++) {
      if (!beyond && chain.nextSeq > chain.announced) return { news, more: false };
      if (this.#full()) break;
      const entry = await readEntry(this.#raw, this.#topic, chain.source, chain.nextSeq, signal);
      chain.atEnd = entry === undefined;
      if (entry === undefined) return { news, more: false };
      news = entry.seq > chain.announced ? 'unannounced' : 'announced';
      if (chain.previous !== undefined || entry.seq === 0n) checkFollows(chain.previous, entry);
      const seenAt = this.#clock.monotonic();
      const landedAt = Date.parse(entry.createdAt);
      const pieces = piecesOf(entry, chain.position).map((piece) => ({ ...piece, seenAt, landedAt }));
      chain.pending.push(...pieces);
      this.#count(1, pieces);
      chain.previous = entry;
      chain.nextSeq = entry.seq + 1n;
      if (entry.endOffset > chain.landed) chain.landed = entry.endOffset;
    }
    if (!beyond) this.#due.add(chain);
    return { news, more: true };
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
    return Math.min(this.#discoverAt, this.#full() ? Number.POSITIVE_INFINITY : this.#due.size > 0 ? 0 : this.#pollAt);
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

  /** Takes off a piece and all behind it, and does not read on, until `letGo` or until others have moved the position: what waits takes no room. */
  hold(stop: SourceStop): void {
    const chain = this.#chains.get(sourceKey(stop.piece.source));
    const at = chain?.pending.indexOf(stop.piece) ?? -1;
    if (chain === undefined || at < 0) return;
    this.#count(-1, chain.pending.splice(at));
    this.#due.delete(chain);
    chain.stop = stop;
  }

  /** What is held. */
  stops(): SourceStop[] {
    return [...this.#chains.values()].flatMap(({ stop }) => (stop === undefined ? [] : [stop]));
  }

  /** Reads a held chain on, from its position: what waits of it is read again too. */
  letGo(source: SourcePartition): void {
    const chain = this.#chains.get(sourceKey(source));
    if (chain?.stop !== undefined) this.follow({ source, position: chain.position, seq: chain.pending[0]?.seq ?? chain.stop.piece.seq });
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
