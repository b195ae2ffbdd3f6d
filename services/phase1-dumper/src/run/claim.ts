import { readChainStart } from '@millrace/core/chain/entries.ts';
import { readIncarnations } from '@millrace/core/chain/incarnations.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { type ChainStart, chainEntry, chainStart, encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { chainEntryKey, chainStartKey } from '@millrace/core/domain/keys.ts';
import type { ClusterChange, SuspectedLoss } from '@millrace/core/domain/losses.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import { changedCluster, clusterWords } from '../dump/acceptance.ts';
import { afterLostClaim, handoversMax, headAfter, planClaim } from '../dump/claim.ts';
import { checkPosition, leaderEpochFell, lossByEpoch, lossSeen, type PositionSuspicion } from '../dump/position.ts';
import { type IdentityAnswer, partitionKey } from '../dump/source-metadata.ts';
import { planStart } from '../dump/start.ts';
import { seqTold } from '../dump/told-position.ts';
import { settleLoss } from './accept-loss.ts';
import { closeForerunners } from './close.ts';
import { type LandingContext, stamp } from './context.ts';
import { persist, settleCommit, settleEntry } from './persist.ts';
import type { OwnedChain } from './publish.ts';

/** How often a topic or position that is not ready is looked at again, ms. */
const waitMs = 1_000;

type TopicIdentity = IdentityAnswer & { topicId: string };

/** Told why a claim waits, and of which change of clusters a person has to decide. */
export type OnClaimWait = (reason: string, change?: ClusterChange) => void;

/** `earliest`: first offset Kafka keeps at the time of the claim. */
export type ClaimEnding =
  | { status: 'claimed'; chain: OwnedChain; start: ChainStart; earliest: bigint }
  | { status: 'fenced' }
  /** `chain` is set when the claim was written and the position is what stops it, `loss` when a person has to decide about offsets */
  | { status: 'stopped'; reason: string; chain: OwnedChain | null; loss: SuspectedLoss | null }
  | { status: 'aborted' };

/**
 * Makes us the owner of the chain of whatever topic of that name exists now: identity from the leader, first offsets, tail, claim entry with the epoch raised,
 * position compared with what Kafka keeps. Waits as long as it takes for the topic and for either side; the signal ends it.
 * @param told what the owner before told the group; the search for the tail begins there
 * @throws kind `corrupt`, or `invalid` for a chain of a newer format
 */
export async function claimChain(
  context: LandingContext,
  partition: TopicPartition,
  told: Promise<string | undefined>,
  signal: AbortSignal,
  onWait: OnClaimWait,
): Promise<ClaimEnding> {
  const begun = await waitForStart(context, partition, signal, onWait);
  if (begun === undefined) return { status: 'aborted' };
  const { identity, start } = begun;

  const asked = { clusterId: identity.clusterId, topicId: identity.topicId, topic: partition.topic, partition: partition.partition };
  let hint = seqTold(await told, identity.topicId) ?? 0n;
  for (let handovers = 0; handovers < handoversMax; handovers++) {
    const tail = await persist(
      context,
      'store',
      'read the chain',
      async () => ({ entry: await findTail(context.store, asked.topic, asked, hint, signal) }),
      signal,
      onWait,
    );
    if (tail === undefined) return { status: 'aborted' };
    const plan = planClaim(asked, tail.entry, start, stamp(context));
    if (plan.do === 'stop') return { status: 'stopped', reason: plan.reason, chain: null, loss: null };
    const { source } = plan.entry;
    if (tail.entry === undefined && !(await closeForerunners(context, asked, start, signal, onWait))) {
      await context.clock.sleep(waitMs, signal);
      return claimChain(context, partition, told, signal, onWait);
    }
    const commit = await settleEntry(context, plan.entry, signal, onWait);
    if (commit.status === 'aborted') return { status: 'aborted' };
    if (commit.status === 'committed') {
      const chain: OwnedChain = {
        source,
        head: headAfter(plan.entry, plan.chainStart),
        identity: { clusterId: identity.clusterId, topicId: source.topicId, confirmedAt: identity.requestedAt },
      };
      return checkBeforeReading(context, chain, identity, start, signal, onWait);
    }
    const key = chainEntryKey(source.topic, source, plan.entry.seq);
    if (afterLostClaim(parseStored(chainEntry, commit.body, `chain entry ${key}`)) === 'fenced') return { status: 'fenced' };
    hint = tail.entry?.seq ?? 0n;
  }
  return { status: 'fenced' };
}

async function waitForTopic(
  context: LandingContext,
  partition: TopicPartition,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<TopicIdentity | undefined> {
  while (!signal.aborted) {
    const answer = await persist(context, 'kafka', 'ask the leader', () => context.metadata.confirm(partition), signal, onWait);
    if (answer === undefined) return undefined;
    if (answer.topicId !== null && answer.partitionExists) return { ...answer, topicId: answer.topicId };
    onWait(
      answer.topicId === null
        ? `topic ${partition.topic} does not exist`
        : `topic ${partition.topic} has no partition ${partition.partition}`,
    );
    await context.clock.sleep(waitMs, signal);
  }
  return undefined;
}

/** Who the topic is and where its chains start. Asks anew who it is after every wait: it may have been made again meanwhile. */
async function waitForStart(
  context: LandingContext,
  partition: TopicPartition,
  signal: AbortSignal,
  onWait: OnClaimWait,
): Promise<{ identity: TopicIdentity; start: ChainStart } | undefined> {
  const { topic } = partition;
  while (!signal.aborted) {
    const identity = await waitForTopic(context, partition, signal, onWait);
    if (identity === undefined) return undefined;
    const request = () => findOrMakeStart(context, topic, identity, signal);
    const found = await persist(context, 'store', 'resolve first offsets', request, signal, onWait);
    if (found === undefined) return undefined;
    if ('start' in found) return { identity, start: found.start };
    if (found.wait === 'unwanted') onWait(`no dataset reads topic ${topic} any more: where its landing would begin is not decided`);
    else if (found.wait === 'cluster') onWait(clusterWords(topic, found.change), found.change);
    else onWait(`topic ${topic} was made again while its first offsets were asked for`);
    await context.clock.sleep(waitMs, signal);
  }
  return undefined;
}

/** A start object, or what it waits for: a dataset that wishes for one, a person's word about the cluster, or the topic that has taken the name. */
type StartEnding = { start: ChainStart } | { wait: 'unwanted' | 'topic_changed' } | { wait: 'cluster'; change: ClusterChange };

/**
 * The incarnation's start object; the first claimant makes it, of all partitions at once.
 * An incarnation of a cluster that no chain of the topic knows is begun only when a person has accepted that cluster; its start object then says so for good.
 * @throws kind `unavailable` while that cannot be told for sure
 */
async function findOrMakeStart(
  context: LandingContext,
  topic: string,
  identity: { clusterId: string | null; topicId: string },
  signal: AbortSignal,
): Promise<StartEnding> {
  const { store, metadata, clock } = context;
  const { topicId, clusterId } = identity;
  const known = await readChainStart(store, topic, topicId, signal);
  if (known !== undefined) return { start: known };

  const others = await readIncarnations(store, topic, { except: topicId, signal });
  const clusters = others.flatMap(({ start }) => (start === undefined ? [] : [start.clusterId]));
  const change = changedCluster(clusters, clusterId, context.acceptances?.(topic) ?? []);
  if (change !== undefined) return { wait: 'cluster', change };
  const { startFrom, topicWasMissing } = context.wish(topic);
  if (startFrom === null) return { wait: 'unwanted' };
  const partitions = (await metadata.describe([topic])).topics.get(topic)?.partitions ?? [];
  const found = await metadata.offsets(partitions.map((partition) => ({ topic, partition })));
  const offsets = new Map(
    partitions.flatMap((partition) => {
      const of = found.get(partitionKey({ topic, partition }));
      return of === undefined ? [] : [[partition, of] as const];
    }),
  );
  if (offsets.size < partitions.length || partitions.length === 0)
    throw new MillraceError(
      'unavailable',
      'offsets_incomplete',
      `the leaders of ${topic} told offsets of ${offsets.size} of ${partitions.length} partitions`,
      { topic },
    );
  const still = await metadata.confirm({ topic, partition: partitions[0] ?? 0 });
  if (still.topicId !== topicId) return { wait: 'topic_changed' };

  const { attemptId } = stamp(context);
  const start = planStart({
    topic,
    topicId,
    clusterId,
    wish: startFrom,
    seen: { otherIncarnations: others.length > 0, topicWasMissing },
    offsets,
    attemptId,
    nowMs: clock.now(),
  });
  const key = chainStartKey(topic, topicId);
  const commit = await settleCommit(context, key, encodeStored(chainStart, start), attemptId, signal);
  if (commit.status === 'committed') return { start };
  if (commit.status === 'conflicted') return { start: parseStored(chainStart, commit.body, `chain start ${key}`) };
  throw new MillraceError('unavailable', 'start_not_settled', `first offsets of ${topic} were not settled`, { topic });
}

/** Compares a claimed chain with what Kafka keeps. A loss that a person has accepted is settled here, under the claim just written (exact rule R12). */
async function checkBeforeReading(
  context: LandingContext,
  claimed: OwnedChain,
  answer: IdentityAnswer,
  start: ChainStart,
  signal: AbortSignal,
  onWait: OnClaimWait,
): Promise<ClaimEnding> {
  let chain = claimed;
  let suspicion: PositionSuspicion = null;
  for (; !signal.aborted; await context.clock.sleep(waitMs, signal)) {
    const { source, head } = chain;
    const known = await persist(context, 'kafka', 'ask for offsets', () => context.metadata.offsets([source]), signal, onWait);
    const offsets = known?.get(partitionKey(source));
    if (offsets === undefined) continue;
    if (head.nextOffset === offsets.earliest) chain = { ...chain, head: { ...head, leaderEpoch: null } }; // nothing of ours is left in that log; its records may be older than its leader
    if (chain.head.leaderEpoch !== null) {
      // records may be of a fallen epoch though their leader is not: a person who trusts the log has said so of its offsets
      const trusted = await settleLoss(context, chain, lossByEpoch(head.nextOffset, offsets.earliest), signal, onWait);
      if (trusted.status === 'settled') chain = trusted.chain;
    }
    const fell = leaderEpochFell(chain.head.leaderEpoch, answer.leaderEpoch, head.nextOffset);
    const loss =
      fell === null || head.nextOffset < offsets.earliest
        ? lossSeen(head.nextOffset, offsets)
        : lossByEpoch(head.nextOffset, offsets.earliest);
    if (loss !== null) {
      const settled = await settleLoss(context, chain, loss, signal, onWait);
      if (settled.status === 'fenced' || settled.status === 'aborted') return settled;
      if (settled.status === 'settled') {
        chain = settled.chain;
        continue;
      }
      if (settled.status === 'wait') {
        onWait(settled.reason);
        continue;
      }
    }
    if (fell !== null && loss !== null) return { status: 'stopped', reason: fell, chain, loss };
    const verdict = checkPosition(head.nextOffset, offsets, false, suspicion, context.clock.monotonic());
    if (verdict.verdict === 'stop') return { status: 'stopped', reason: verdict.reason, chain, loss: verdict.loss };
    if (verdict.verdict === 'read') return { status: 'claimed', chain, start, earliest: offsets.earliest };
    suspicion = verdict.suspicion;
    onWait(verdict.reason);
  }
  return { status: 'aborted' };
}
