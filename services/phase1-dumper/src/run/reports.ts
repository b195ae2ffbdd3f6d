import type { LandingReport } from '@millrace/core/domain/reports.ts';
import type { PartitionLanding } from './partition.ts';
import type { WantedTopics } from './topics.ts';

/** What the metastore is told: one report a topic of which we hold partitions or which does not exist. Pure but for reading views. */
export function landingReports(
  wanted: WantedTopics,
  landings: readonly PartitionLanding[],
  notices: readonly string[],
  worker: string,
): LandingReport[] {
  const missing = wanted.missing().map(
    (topic): LandingReport => ({
      topic,
      worker,
      topicId: null,
      notices: [`topic ${topic} does not exist; landing begins when it does`],
      partitions: [],
    }),
  );
  const held = Map.groupBy(landings, ({ partition }) => partition.topic);
  const reports = [...held].map(([topic, of]): LandingReport => {
    const views = of.map((landing) => ({ partition: landing.partition.partition, ...landing.view() }));
    return {
      topic,
      worker,
      topicId: wanted.topicId(topic),
      notices: [
        ...notices,
        ...views.flatMap(({ notice }) => notice ?? []),
        ...views.flatMap(({ chain, reason, partition }) =>
          chain === null && reason !== null ? [`partition ${partition}: ${reason}`] : [],
        ),
      ],
      partitions: views.flatMap(({ partition, chain, end, state, reason }) =>
        chain === null
          ? []
          : [
              {
                topicId: chain.source.topicId,
                partition,
                landed: chain.head.nextOffset,
                end,
                epoch: chain.head.epoch,
                chainStart: chain.head.chainStart,
                state: state === 'running' ? ('RUNNING' as const) : state === 'stopped' ? ('STOPPED' as const) : ('WAITING' as const),
                reason,
              },
            ],
      ),
    };
  });
  return [...reports, ...missing.filter(({ topic }) => !held.has(topic))];
}

/** Text that changes when a state changes, not when offsets move: a change is reported at once. Pure. */
export function stateSignature(reports: readonly LandingReport[]): string {
  return JSON.stringify(
    reports.map(({ topic, topicId, notices, partitions }) => [
      topic,
      topicId,
      notices,
      partitions.map(({ partition, topicId: id, state, reason }) => [partition, id, state, reason]),
    ]),
  );
}
