import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeenEntry } from './recovery.ts';

/** What is known of one chain: its next `seq` to look for and its last entry. */
interface Chain {
  readonly place: string;
  readonly dir: string;
  seq: number;
  epoch: bigint;
  /** the writer of the newest claim */
  owner: string;
  end: bigint;
}

/**
 * Follows chains in the store's own directory, past every proxy: what stands there is what the store acknowledged or will.
 * Reads synchronously, a few small files a poll.
 */
export class ChainWatch {
  readonly #chains = new Map<string, Chain>();
  readonly #now: () => number;
  readonly #onEntry: (entry: SeenEntry) => void;

  constructor(now: () => number, onEntry: (entry: SeenEntry) => void) {
    this.#now = now;
    this.#onEntry = onEntry;
  }

  /** @param rawDir the raw root as a directory */
  watch(rawDir: string, topic: string, topicId: string, partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) {
      const place = `${topic}/${partition}`;
      const dir = join(rawDir, topic, '_chain', topicId, String(partition).padStart(5, '0'));
      this.#chains.set(place, { place, dir, seq: 0, epoch: 0n, owner: '', end: 0n });
    }
  }

  unwatch(topic: string): void {
    for (const place of [...this.#chains.keys()]) if (place.startsWith(`${topic}/`)) this.#chains.delete(place);
  }

  /** Reads every new entry of every chain. */
  poll(): void {
    for (const chain of this.#chains.values()) {
      for (let entry = read(chain); entry !== undefined; entry = read(chain)) {
        chain.seq++;
        chain.epoch = BigInt(entry.epoch);
        chain.end = BigInt(entry.endOffset);
        if (entry.kind === 'claim') chain.owner = entry.writer;
        const moved = BigInt(entry.startOffset) < chain.end;
        this.#onEntry({ place: chain.place, kind: entry.kind, epoch: chain.epoch, moved, atMs: this.#now() });
      }
    }
  }

  /** By place the epoch that the process owns now. */
  ownedBy(pid: number): Map<string, bigint> {
    const mine = [...this.#chains.values()].filter(({ owner }) => owner.endsWith(`-${pid}`));
    return new Map(mine.map(({ place, epoch }) => [place, epoch]));
  }

  at(place: string): { epoch: bigint; end: bigint; seq: number } | undefined {
    return this.#chains.get(place);
  }

  /** Next offsets of a topic's chains, by partition. */
  ends(topic: string): bigint[] {
    return [...this.#chains.values()].filter(({ place }) => place.startsWith(`${topic}/`)).map(({ end }) => end);
  }
}

type Entry = { kind: string; epoch: string; startOffset: string; endOffset: string; writer: string };

function read({ dir, seq }: Chain): Entry | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, `${String(seq).padStart(20, '0')}.json`), 'utf8')) as Entry;
  } catch {
    // not there yet
    return undefined;
  }
}
