import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { type EndsSeen, nothingSeen, sawEnd, waitedSeconds } from '../dump/lag-age.ts';
import { type PartitionOffsets, partitionKey } from '../dump/source-metadata.ts';
import type { LandingContext } from './context.ts';
import type { PartitionLag } from './metrics/lag.ts';
import type { PartitionLanding } from './partition.ts';

type Landing = Pick<PartitionLanding, 'partition' | 'view'>;

/** How far the landing of each partition we hold is behind Kafka. One without a chain, whose claim waits or was refused, lags since it is ours: it lands nothing. */
export class LagWatch {
  readonly #context: Pick<LandingContext, 'clock' | 'metrics'>;
  readonly #seen = new Map<string, { topicId: string; ends: EndsSeen }>();
  /** since when a partition of ours has no chain, monotonic ms */
  readonly #unclaimed = new Map<string, number>();

  constructor(context: Pick<LandingContext, 'clock' | 'metrics'>) {
    this.#context = context;
  }

  /** What the leader keeps of a partition now. */
  saw(landing: Landing, offsets: PartitionOffsets): void {
    const { chain } = landing.view();
    if (chain === null) return;
    const key = partitionKey(landing.partition);
    const before = this.#seen.get(key);
    const { topicId } = chain.source;
    const ends = before?.topicId === topicId ? before.ends : nothingSeen;
    this.#seen.set(key, { topicId, ends: sawEnd(ends, chain.head.nextOffset, offsets.lastStable, this.#context.clock.monotonic()) });
  }

  /** Shows how far behind they are, by what was seen last: while Kafka does not answer, what waits goes on ageing. */
  show(datasets: readonly Dataset[], landings: readonly Landing[]): void {
    const { clock, metrics } = this.#context;
    const held = new Set(landings.map(({ partition }) => partitionKey(partition)));
    for (const known of [this.#seen, this.#unclaimed]) for (const key of known.keys()) if (!held.has(key)) known.delete(key);
    metrics.lag(
      datasets,
      landings.flatMap((landing) => this.#lagOf(landing, clock.monotonic(), clock.now())),
    );
  }

  /** @param now monotonic ms @param wallNow ms since 1970 */
  #lagOf(landing: Landing, now: number, wallNow: number): PartitionLag[] {
    const { chain, oldestTimestamp } = landing.view();
    const key = partitionKey(landing.partition);
    const { topic, partition } = landing.partition;
    const label = { topic, partition: String(partition) };
    if (chain === null) {
      const since = this.#unclaimed.get(key) ?? now;
      this.#unclaimed.set(key, since);
      return [{ ...label, offsets: null, seconds: (now - since) / 1000 }];
    }
    this.#unclaimed.delete(key);
    const seen = this.#seen.get(key);
    if (seen === undefined || seen.topicId !== chain.source.topicId) return [];
    const { nextOffset } = chain.head;
    const end = seen.ends.ends.at(-1)?.end ?? nextOffset;
    const offsets = Math.max(0, Number(end - nextOffset));
    return [{ ...label, offsets, seconds: waitedSeconds(seen.ends, nextOffset, oldestTimestamp, now, wallNow) }];
  }
}
