import { MillraceError } from '@millrace/core/domain/errors.ts';
import {
  type Acceptance,
  type ClusterAcceptance,
  type GapAcceptance,
  lossIsBehind,
  type SuspectedLoss,
} from '@millrace/core/domain/losses.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { ClusterInput, ClusterList, GapInput, GapList } from '../api/losses.ts';
import type { Facts, LandedPartition } from './facts.ts';

/** Acceptances a dataset may carry: beyond this, those phase 1 has acted on are left to the audit alone. */
const acceptancesMax = 1_000;

/** Id and time of a new decision. */
export type Decided = { id: string; now: number };
/** A decision and the dataset's whole list with it; `made` false when it stood there already. */
export type Accepted<A extends Acceptance> = { acceptance: A; acceptances: Acceptance[]; made: boolean };

/** Partitions of the incarnation that exists now; an older one has ended, its stops are history. Pure. */
export function currentPartitions({ landing }: Facts): LandedPartition[] {
  return landing?.partitions.filter((partition) => partition.topicId === landing.topicId) ?? [];
}

type LostPartition = LandedPartition & { loss: SuspectedLoss };
const hasLoss = (partition: LandedPartition): partition is LostPartition => partition.loss !== undefined;

/** Partitions that wait for a decision about missing records. Pure. */
export const lostPartitions = (facts: Facts): LostPartition[] => currentPartitions(facts).filter(hasLoss);

/** The command that accepts a loss. Pure. */
export const acceptCommand = (dataset: string, { partition, loss }: LostPartition): string =>
  `millrace gaps accept ${dataset} --partition ${partition} --from ${loss.startOffset} --to ${loss.endOffset} --reason TEXT`;

/** The command that accepts another cluster. Pure. */
export const acceptClusterCommand = (dataset: string, clusterId: string): string =>
  `millrace clusters accept ${dataset} --cluster-id ${clusterId} --reason TEXT`;

/** What is suspected and what was accepted. Pure. */
export function gapList(facts: Facts): GapList {
  return {
    suspected: lostPartitions(facts).map(({ topicId, partition, loss }) => ({ topicId, partition, ...loss })),
    accepted: (facts.dataset.acceptances ?? [])
      .filter((one): one is GapAcceptance => one.kind === 'gap')
      .map((one) => ({ ...one, done: isDone(facts, one) })),
  };
}

/** The clusters of a dataset's topic that people know of or have to decide about. Pure. */
export function clusterList(facts: Facts): ClusterList {
  return {
    change: facts.landing?.clusterChange ?? null,
    accepted: (facts.dataset.acceptances ?? []).filter((one): one is ClusterAcceptance => one.kind === 'cluster'),
  };
}

/** Does landing stand behind an accepted loss, as last reported? Pure. */
function isDone({ landing }: Facts, accepted: GapAcceptance): boolean {
  const landed = landing?.partitions.find((partition) => sourceKey(partition) === sourceKey(accepted))?.landed;
  if (landed === undefined) return false;
  const end = BigInt(accepted.endOffset);
  return lossIsBehind(accepted.loss) ? landed > end : landed >= end;
}

/**
 * A person accepts a suspected loss. Pure. Only the exact range that is suspected now: whoever names another one has looked at something else.
 * Asked twice for one loss it decides once.
 * @throws kind `conflict`, code `no_loss_suspected`, `other_range_suspected` (naming the right one) or `too_many_decisions`
 */
export function acceptGap(facts: Facts, input: GapInput, decided: Decided): Accepted<GapAcceptance> {
  const { dataset } = facts;
  const acceptances = dataset.acceptances ?? [];
  const topicId = input.topicId ?? facts.landing?.topicId ?? '';
  const lost = lostPartitions(facts).find((one) => one.topicId === topicId && one.partition === input.partition);
  const same = acceptances.findLast(
    (one): one is GapAcceptance =>
      one.kind === 'gap' &&
      one.topicId === topicId &&
      one.partition === input.partition &&
      one.startOffset === input.startOffset &&
      one.endOffset === input.endOffset &&
      (lost === undefined || one.loss === lost.loss.kind) &&
      !isDone(facts, one),
  );
  if (same !== undefined) return { acceptance: same, acceptances, made: false };
  if (lost === undefined)
    throw new MillraceError(
      'conflict',
      'no_loss_suspected',
      `no loss is suspected in partition ${input.partition} of dataset ${dataset.name}${input.topicId === undefined ? '' : ` with topic id ${input.topicId}`}${elsewhere(facts)}`,
    );
  const { startOffset, endOffset, kind } = lost.loss;
  if (input.startOffset !== startOffset.toString() || input.endOffset !== endOffset.toString())
    throw new MillraceError(
      'conflict',
      'other_range_suspected',
      `what is suspected in partition ${input.partition} is [${startOffset}, ${endOffset}), not [${input.startOffset}, ${input.endOffset}): ${acceptCommand(dataset.name, lost)}`,
    );
  const acceptance: GapAcceptance = {
    kind: 'gap',
    ...common(input, decided),
    topicId,
    partition: input.partition,
    loss: kind,
    startOffset: input.startOffset,
    endOffset: input.endOffset,
  };
  return { acceptance, acceptances: withOneMore(facts, acceptance), made: true };
}

function elsewhere(facts: Facts): string {
  const others = lostPartitions(facts).map(({ partition, loss }) => `partition ${partition} [${loss.startOffset}, ${loss.endOffset})`);
  return others.length === 0 ? '' : `; suspected are ${others.slice(0, 10).join(', ')}`;
}

/**
 * A person lets landing go on with another cluster. Pure. Asked twice it decides once.
 * @throws kind `conflict`, code `no_cluster_change` or `other_cluster_found` (naming the right one)
 */
export function acceptCluster(facts: Facts, input: ClusterInput, decided: Decided): Accepted<ClusterAcceptance> {
  const { dataset, landing } = facts;
  const acceptances = dataset.acceptances ?? [];
  const same = acceptances.findLast((one): one is ClusterAcceptance => one.kind === 'cluster' && one.clusterId === input.clusterId);
  if (same !== undefined) return { acceptance: same, acceptances, made: false };
  if (landing?.clusterChange == null)
    throw new MillraceError(
      'conflict',
      'no_cluster_change',
      `the brokers of dataset ${dataset.name} are of the cluster its chains know: nothing waits for a decision`,
    );
  const { found } = landing.clusterChange;
  if (found !== input.clusterId)
    throw new MillraceError(
      'conflict',
      'other_cluster_found',
      `the brokers are of cluster ${found}, not ${input.clusterId}: ${acceptClusterCommand(dataset.name, found)}`,
    );
  const acceptance: ClusterAcceptance = { kind: 'cluster', ...common(input, decided), clusterId: input.clusterId };
  return { acceptance, acceptances: withOneMore(facts, acceptance), made: true };
}

function common({ reason, by }: GapInput | ClusterInput, { id, now }: Decided) {
  return { id, reason, by: by ?? null, decidedAt: new Date(now).toISOString() };
}

function withOneMore(facts: Facts, more: Acceptance): Acceptance[] {
  const acceptances = facts.dataset.acceptances ?? [];
  const kept = acceptances.length < acceptancesMax ? acceptances : acceptances.filter((one) => one.kind !== 'gap' || !isDone(facts, one));
  if (kept.length >= acceptancesMax)
    throw new MillraceError(
      'conflict',
      'too_many_decisions',
      `dataset ${facts.dataset.name} already carries ${acceptancesMax} decisions that landing has not acted on`,
    );
  return [...kept, more];
}
