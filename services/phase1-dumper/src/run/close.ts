import { discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { readChainStart } from '@millrace/core/chain/entries.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import type { ChainStart } from '@millrace/core/domain/chain.ts';
import { unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import type { SourceIdentity } from '@millrace/core/domain/source.ts';
import { headAfter, planClaim } from '../dump/claim.ts';
import { maySameCluster } from '../dump/identity.ts';
import { planCloseEntry } from '../dump/publish.ts';
import { mayHaveForerunners } from '../dump/start.ts';
import { type LandingContext, stamp } from './context.ts';
import { persist, settleEntry } from './persist.ts';
import type { OwnedChain } from './publish.ts';

/** Ends the chain of an incarnation that is gone. Losing the race harms nothing; what the signal cuts short is done by whoever first claims the next incarnation. */
export async function closeChain(
  context: LandingContext,
  { source, head }: Pick<OwnedChain, 'source' | 'head'>,
  newTopicId: string,
  signal: AbortSignal,
): Promise<void> {
  await settleEntry(context, planCloseEntry(source, head, newTopicId, stamp(context)), signal);
}

/**
 * Ends what this partition's earlier incarnations left open, since their owner lost the partition or died before another id was confirmed.
 * For the first claim of an incarnation. Its leader is asked once more after the others are known: what came before that answer is gone for good (exact
 * rule R1), and one that has come since is not among them. Chains of another cluster, or of who knows which, are left alone: they may still live.
 * @returns false when the topic has been made again meanwhile: the claim is of one that is gone
 */
export async function closeForerunners(
  context: LandingContext,
  source: SourceIdentity,
  start: ChainStart,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<boolean> {
  if (!mayHaveForerunners(start) || source.clusterId === unknownCluster) return true;
  const request = () => forerunners(context, source, signal);
  const starts = await persist(context, 'store', 'read the chain', request, signal, onWait);
  if (starts === undefined || starts.length === 0) return true;
  const answer = await persist(context, 'kafka', 'ask the leader', () => context.metadata.confirm(source), signal, onWait);
  if (answer === undefined) return true;
  if (answer.topicId !== source.topicId || !maySameCluster(answer.clusterId, source.clusterId)) return false;
  for (const old of starts) if ((await closeForerunner(context, old, source, signal, onWait)) === 'was_closed') return true;
  return true;
}

/** The other incarnations of the topic in this cluster, newest first. */
async function forerunners(
  { store }: LandingContext,
  { topic, topicId, clusterId }: SourceIdentity,
  signal: AbortSignal,
): Promise<ChainStart[]> {
  const others = (await discoverTopicIds(store, topic, signal)).filter((id) => id !== topicId);
  const starts = await Promise.all(others.map((id) => readChainStart(store, topic, id, signal)));
  const here = starts.filter((start) => start?.clusterId === clusterId) as ChainStart[];
  return here.sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
}

/**
 * Claims the chain, so that whoever may still write to it is fenced, and closes it. Begins again when somebody wrote to it meanwhile.
 * One that cannot be read stays as it is, with a line in the log: it must not keep the new one from landing.
 * @returns `was_closed` by somebody else: whoever did it has seen to those before
 */
async function closeForerunner(
  context: LandingContext,
  start: ChainStart,
  source: SourceIdentity,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<'was_closed' | 'done'> {
  const old = { ...source, topicId: start.topicId };
  try {
    for (let hint = 0n; !signal.aborted; ) {
      const request = async () => ({ entry: await findTail(context.store, old.topic, old, hint, signal) });
      const tail = (await persist(context, 'store', 'read the chain', request, signal, onWait))?.entry;
      if (tail?.kind === 'close') return 'was_closed';
      if (tail === undefined) return 'done';
      const plan = planClaim(old, tail, start, stamp(context));
      if (plan.do === 'stop') return 'done';
      const claimed = await settleEntry(context, plan.entry, signal, onWait);
      if (claimed.status === 'committed') {
        await closeChain(context, { source: old, head: headAfter(plan.entry, plan.chainStart) }, source.topicId, signal);
        context.log.info(
          { ...old, now: source.topicId, landed: tail.endOffset.toString() },
          'the chain of an earlier topic of this name is closed',
        );
        return 'done';
      }
      hint = tail.seq;
    }
  } catch (error) {
    if (!isKind(error, 'corrupt', 'invalid')) throw error;
    context.log.warn({ ...old, err: error }, 'the chain of an earlier topic of this name stays open');
  }
  return 'done';
}
