import { readIncarnations } from '@millrace/core/chain/incarnations.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import type { ChainStart } from '@millrace/core/domain/chain.ts';
import { isKind, type MillraceError } from '@millrace/core/domain/errors.ts';
import { type AskedSource, handoversMax, headAfter, planClaim } from '../dump/claim.ts';
import { maySameCluster } from '../dump/identity.ts';
import { planCloseEntry } from '../dump/publish.ts';
import { mayHaveForerunners } from '../dump/start.ts';
import { type LandingContext, stamp } from './context.ts';
import { persist, type SettledCommit, settleEntry } from './persist.ts';
import type { OwnedChain } from './publish.ts';

/** So many earlier incarnations are looked at: what landing begins with must not grow with a topic's past. */
const forerunnersMax = 8;

/** Ends the chain of an incarnation that is gone. For us losing the race harms nothing: whoever has written since is its owner now. */
export function closeChain(
  context: LandingContext,
  { source, head }: Pick<OwnedChain, 'source' | 'head'>,
  newTopicId: string,
  signal: AbortSignal,
): Promise<SettledCommit> {
  return settleEntry(context, planCloseEntry(source, head, newTopicId, stamp(context)), signal);
}

/**
 * Ends what this partition's earlier incarnations left open, since their owner lost the partition or died before another id was confirmed.
 * For the first claim of an incarnation. Its leader is asked once more after the others are known (exact rule R1): what came before that answer is gone, and
 * one that has come since is not among them. An owner who has not given the partition up is fenced; what it read and had not landed is the old topic's unread tail.
 * Chains of another cluster are left alone: they may still live. So is one that cannot be read, with a line in the log: the new one must not wait for it.
 * @returns false when the leader does not name our id any more: the claim is of a topic that is gone, or away
 */
export async function closeForerunners(
  context: LandingContext,
  asked: AskedSource,
  start: ChainStart,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<boolean> {
  if (!mayHaveForerunners(start)) return true;
  const request = () => readIncarnations(context.store, asked.topic, { except: asked.topicId, signal });
  const known = await read(context, request, signal, onWait);
  const starts = known?.flatMap((incarnation) => incarnation.start ?? []).slice(0, forerunnersMax) ?? [];
  if (starts.length === 0) return true;
  const answer = await persist(context, 'kafka', 'ask the leader', () => context.metadata.confirm(asked), signal, onWait);
  if (answer === undefined) return true;
  if (answer.topicId !== asked.topicId || !maySameCluster(answer.clusterId, asked.clusterId)) return false;
  for (const old of starts) await closeForerunner(context, old, asked, signal, onWait);
  return true;
}

/** Claims the chain, so that whoever may still write to it is fenced, and closes it. Begins again when somebody wrote to it meanwhile. */
async function closeForerunner(
  context: LandingContext,
  start: ChainStart,
  asked: AskedSource,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<void> {
  const old = { ...asked, topicId: start.topicId };
  for (let handovers = 0; handovers < handoversMax && !signal.aborted; handovers++) {
    const tail = await read(context, () => findTail(context.store, old.topic, old, 0n, signal), signal, onWait);
    if (tail === undefined || tail.kind === 'close') return;
    const plan = planClaim(old, tail, start, stamp(context));
    if (plan.do === 'stop') return;
    const claimed = await settleEntry(context, plan.entry, signal, onWait);
    if (claimed.status !== 'committed') continue;
    const { source } = plan.entry;
    const closed = await closeChain(context, { source, head: headAfter(plan.entry, plan.chainStart) }, asked.topicId, signal);
    if (closed.status !== 'committed') continue;
    context.log.info(
      { ...source, now: asked.topicId, landed: tail.endOffset.toString() },
      'the chain of an earlier topic of this name is closed',
    );
    return;
  }
}

/** Waits while the store is away. What it cannot give for another reason (damaged, archived, forbidden, newer than this version) is told, and undefined. */
async function read<T>(
  context: LandingContext,
  request: () => Promise<T>,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<T | undefined> {
  const asked = () =>
    request().then(
      (found) => ({ found }),
      (error: MillraceError) => {
        if (!isKind(error, 'corrupt', 'invalid')) throw error;
        context.log.warn({ err: error }, 'the chain of an earlier topic of this name cannot be read and stays as it is');
        return { found: undefined };
      },
    );
  return (await persist(context, 'store', 'read the chain', asked, signal, onWait))?.found;
}
