import { sourceKey } from '@millrace/core/domain/source.ts';
import type { DatasetStatus } from '../api/status.ts';
import type { Facts } from './facts.ts';
import { landingSilentMs, shownState } from './state.ts';

type PartitionStatus = DatasetStatus['partitions'][number];

/**
 * `GET …/status` from what is known. Pure.
 * Landing and table report at different moments: the further of the two landed ends holds, and `end` is never before it.
 * An incarnation that is gone gets nothing more, so its end is what landed. The incarnation that exists comes first.
 * @param now ms since 1970
 */
export function datasetStatus(facts: Facts, now: number): DatasetStatus {
  const partitions = partitionStatuses(facts);
  const { state, reason, nextAction } = shownState(facts, now);
  const report = facts.table?.report;
  return {
    name: facts.dataset.name,
    state,
    reason,
    partitions,
    lagSeconds: lagSeconds(facts, partitions, now),
    lastCommit: report?.lastCommit ?? null,
    ...landingSilence(facts, now),
    ...(facts.landing?.clusterChange == null ? {} : { clusterChange: facts.landing.clusterChange }),
    nextAction,
  };
}

/** A landing that nobody reported on lately, or ever since the dataset was made. */
function landingSilence({ dataset, landing }: Facts, now: number): { landingSilentSince?: string } {
  const since = landing?.reportedAt ?? Date.parse(dataset.createdAt);
  return now - since > landingSilentMs ? { landingSilentSince: new Date(since).toISOString() } : {};
}

function partitionStatuses({ landing, table }: Facts): PartitionStatus[] {
  const tables = new Map(table?.report.partitions.map((partition) => [sourceKey(partition), partition]));
  const landings = new Map(landing?.partitions.map((partition) => [sourceKey(partition), partition]));
  const isCurrent = (topicId: string) => landing === undefined || landing.topicId === topicId;
  return [...new Set([...landings.keys(), ...tables.keys()])]
    .flatMap((key) => {
      const inRaw = landings.get(key);
      const inTable = tables.get(key);
      const source = inRaw ?? inTable;
      if (source === undefined) return [];
      const landed = max(inRaw?.landed ?? 0n, inTable?.landed ?? 0n);
      const committed = inTable?.position ?? inRaw?.chainStart ?? 0n;
      const known = isCurrent(source.topicId) ? (inRaw?.end ?? null) : landed;
      const end = known === null ? null : max(known, landed);
      const lagRecords = end === null ? null : Number(max(end - committed, 0n));
      return [
        {
          topicId: source.topicId,
          partition: source.partition,
          landed,
          committed,
          end,
          lagRecords,
          ...(inRaw?.loss === undefined ? {} : { loss: inRaw.loss }),
          ...(inRaw?.heldBack === undefined ? {} : { heldBack: inRaw.heldBack }),
        },
      ];
    })
    .sort(
      (a, b) => Number(isCurrent(b.topicId)) - Number(isCurrent(a.topicId)) || compare(a.topicId, b.topicId) || a.partition - b.partition,
    );
}

function lagSeconds({ landing, table }: Facts, partitions: PartitionStatus[], now: number): number | null {
  const pending = partitions.some((partition) => partition.landed > partition.committed || (partition.lagRecords ?? 0) > 0);
  if (!pending) return partitions.every((partition) => partition.end !== null) && landing !== undefined ? 0 : null;
  const committedAt = table?.report.committedTimestamp ?? null;
  return committedAt === null ? null : Math.max(0, Math.round(now - committedAt) / 1000);
}

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
