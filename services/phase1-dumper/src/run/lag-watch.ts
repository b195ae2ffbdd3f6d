import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { type EndsSeen, nothingSeen, sawEnd, waitedSeconds } from '../dump/lag-age.ts';
import { type PartitionOffsets, partitionKey } from '../dump/source-metadata.ts';
import type { LandingContext } from './context.ts';
import type { PartitionLanding } from './partition.ts';

/** How far the landing of each partition we hold is behind Kafka. Of one that has no chain yet nothing can be said. */
export class LagWatch {
  readonly #context: Pick<LandingContext, 'clock' | 'metrics'>;
  readonly #seen = new Map<string, { topicId: string; ends: EndsSeen }>();

  constructor(context: Pick<LandingContext, 'clock' | 'metrics'>) {
    this.#context = context;
  }

  /** What the leader keeps of a partition now. */
  saw(landing: PartitionLanding, offsets: PartitionOffsets): void {
    const { chain } = landing.view();
    if (chain === null) return;
    const key = partitionKey(landing.partition);
    const before = this.#seen.get(key);
    const { topicId } = chain.source;
    const ends = before?.topicId === topicId ? before.ends : nothingSeen;
    this.#seen.set(key, { topicId, ends: sawEnd(ends, chain.head.nextOffset, offsets.lastStable, this.#context.clock.monotonic()) });
  }

  /** Shows how far behind they are, by what was seen last: while Kafka does not answer, what waits goes on ageing. */
  show(datasets: readonly Dataset[], landings: readonly PartitionLanding[]): void {
    const { clock, metrics } = this.#context;
    const held = new Set(landings.map(({ partition }) => partitionKey(partition)));
    for (const key of this.#seen.keys()) if (!held.has(key)) this.#seen.delete(key);
    const lags = landings.flatMap((landing) => {
      const { chain, oldestTimestamp } = landing.view();
      const seen = this.#seen.get(partitionKey(landing.partition));
      if (chain === null || seen === undefined || seen.topicId !== chain.source.topicId) return [];
      const { topic, partition } = landing.partition;
      const { nextOffset } = chain.head;
      const end = seen.ends.ends.at(-1)?.end ?? nextOffset;
      return {
        topic,
        partition: String(partition),
        offsets: Math.max(0, Number(end - nextOffset)),
        seconds: waitedSeconds(seen.ends, nextOffset, oldestTimestamp, clock.monotonic(), clock.now()),
      };
    });
    metrics.lag(datasets, lags);
  }
}
