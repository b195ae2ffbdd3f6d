import type { HeldBack } from '@millrace/core/domain/losses.ts';
import type { LandingReport } from '@millrace/core/domain/reports.ts';
import type { LandingView } from './landing-view.ts';
import type { PartitionLanding } from './partition.ts';
import type { WantedTopics } from './topics.ts';

const reportedStates = { running: 'RUNNING', stopped: 'STOPPED', claiming: 'WAITING', released: 'WAITING' } as const;

/** What the metastore is told: one report a topic of which we hold partitions, or which is missing or cannot be described. Pure but for reading views. */
export function landingReports(
  wanted: WantedTopics,
  landings: readonly PartitionLanding[],
  notices: readonly string[],
  worker: string,
): LandingReport[] {
  const held = Map.groupBy(landings, ({ partition }) => partition.topic);
  const reports = [...held].map(([topic, of]): LandingReport => {
    const views = of.map((landing) => ({ partition: landing.partition.partition, ...landing.view() }));
    const topicId = wanted.topicId(topic);
    return {
      topic,
      worker,
      topicId,
      notices: [...notices, ...topicNotices(topic, topicId, wanted), ...views.flatMap(viewNotices)],
      partitions: views.flatMap(toPartition),
      ...clusterChangeOf(views),
    };
  });
  const others = wanted.wanted().filter((topic) => !held.has(topic));
  return [...reports, ...others.flatMap((topic) => withoutPartitions(topic, wanted, worker))];
}

type PartitionView = LandingView & { partition: number };

/** One partition's word is enough: all of a topic are of one cluster. */
function clusterChangeOf(views: readonly PartitionView[]): Pick<LandingReport, 'clusterChange'> {
  const clusterChange = views.find((view) => view.clusterChange !== null)?.clusterChange;
  return clusterChange == null ? {} : { clusterChange };
}

function topicNotices(topic: string, topicId: string | null, wanted: WantedTopics): string[] {
  const problem = wanted.problem(topic);
  const named = topicId?.startsWith('name:')
    ? [`the brokers have no topic ids: the source is ${topicId}, and a topic made again can only be suspected`]
    : [];
  return problem === null ? named : [...named, problem];
}

/** A partition without a chain has no row of its own: why it waits or stopped is said of the topic, unless all wait for a word about the cluster. */
function viewNotices({ notice, chain, reason, partition, heldBack, clusterChange }: PartitionView): string[] {
  return [
    ...(notice === null ? [] : [notice]),
    ...(heldBack === null ? [] : [`partition ${partition}: ${heldBackWords(heldBack)}`]),
    ...(chain === null && reason !== null ? [clusterChange === null ? `partition ${partition}: ${reason}` : reason] : []),
  ];
}

function heldBackWords({ startOffset, endOffset, producerId }: HeldBack): string {
  const whose = producerId === null ? '' : ` (producer id ${producerId})`;
  return `a transaction open since offset ${startOffset}${whose} holds back [${startOffset}, ${endOffset}): Kafka gives these offsets to no read-committed reader until it is decided`;
}

function toPartition({ partition, chain, end, state, reason, loss, heldBack }: PartitionView): LandingReport['partitions'] {
  if (chain === null) return [];
  const { topicId } = chain.source;
  const { nextOffset, epoch, chainStart } = chain.head;
  return [
    {
      topicId,
      partition,
      landed: nextOffset,
      end,
      epoch,
      chainStart,
      // one whose publication waits for the other side reads on, within its budget, but does not land
      state: state === 'running' && reason !== null ? 'WAITING' : reportedStates[state],
      reason,
      ...(loss === null ? {} : { loss }),
      ...(heldBack === null ? {} : { heldBack }),
    },
  ];
}

function withoutPartitions(topic: string, wanted: WantedTopics, worker: string): LandingReport[] {
  const problem = wanted.problem(topic);
  if (problem !== null) return [{ topic, worker, topicId: wanted.topicId(topic), notices: [problem], partitions: [] }];
  if (!wanted.missing().includes(topic)) return [];
  return [{ topic, worker, topicId: null, notices: [`topic ${topic} does not exist; landing begins when it does`], partitions: [] }];
}

/** Text that changes when a state changes, not when offsets move: a change is reported at once. Pure. */
export function stateSignature(reports: readonly LandingReport[]): string {
  return JSON.stringify(
    reports.map(({ topic, topicId, notices, partitions, clusterChange }) => [
      topic,
      topicId,
      notices.map((notice) => notice.replace(/holds back .*/, '')),
      partitions.map(({ partition, topicId: id, state, reason, loss }) => [partition, id, state, reason, loss?.endOffset.toString()]),
      clusterChange?.found,
    ]),
  );
}
