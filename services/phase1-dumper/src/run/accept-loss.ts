import { lossIsBehind, type SuspectedLoss } from '@millrace/core/domain/losses.ts';
import { acceptedLoss, planGapEntry } from '../dump/acceptance.ts';
import { headAfter } from '../dump/claim.ts';
import { type LandingContext, stamp } from './context.ts';
import { settleEntry } from './persist.ts';
import type { OwnedChain } from './publish.ts';

export type LossEnding =
  /** nobody has accepted it (yet) */
  | { status: 'undecided' }
  /** the chain stands behind it: look again */
  | { status: 'settled'; chain: OwnedChain }
  /** accepted, but Kafka has not come up to our next offset again */
  | { status: 'wait'; reason: string }
  | { status: 'fenced' }
  | { status: 'aborted' };

/**
 * Acts on a person's acceptance of a loss, if there is one, under a claim we have just written.
 * Ahead of the chain: the `gap` entry from its next offset. Behind it nothing is written, since a chain never goes back: what Kafka puts under offsets that
 * are landed already is left out, and reading goes on at the next offset, under whatever epochs its records have, as soon as Kafka has come so far.
 */
export async function settleLoss(
  context: LandingContext,
  chain: OwnedChain,
  loss: SuspectedLoss,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<LossEnding> {
  const { source, head } = chain;
  const accepted = acceptedLoss(loss, source, context.acceptances?.(source.topic) ?? []);
  if (accepted === undefined) return { status: 'undecided' };
  const who = { ...source, from: accepted.startOffset, to: accepted.endOffset, loss: loss.kind, decision: accepted.id };
  if (lossIsBehind(loss.kind)) {
    if (loss.kind === 'truncated')
      return {
        status: 'wait',
        reason: `the loss of [${accepted.startOffset}, ${accepted.endOffset}) is accepted; Kafka ends at ${loss.startOffset}, landing goes on at ${head.nextOffset}: records Kafka takes below that are not landed, since their offsets are`,
      };
    context.log.warn(who, 'a fallen leader epoch was accepted: landing goes on at the next offset');
    return { status: 'settled', chain: { ...chain, head: { ...head, leaderEpoch: null } } };
  }
  const entry = planGapEntry(source, head, accepted, stamp(context));
  const commit = await settleEntry(context, entry, signal, onWait);
  if (commit.status === 'aborted') return { status: 'aborted' };
  if (commit.status === 'conflicted') return { status: 'fenced' };
  context.metrics.gapOffsets.inc({ topic: source.topic }, Number(entry.endOffset - entry.startOffset));
  context.log.warn(who, 'an accepted loss is a gap of the chain now');
  return { status: 'settled', chain: { ...chain, head: headAfter(entry, head.chainStart) } };
}
