import { hash } from 'node:crypto';
import { type ChainEntry, chainEntry, parseStored, type RawObject } from '@millrace/core/domain/chain.ts';
import { chainEntryKey, rawObjectKey } from '@millrace/core/domain/keys.ts';
import type { SourceIdentity } from '@millrace/core/domain/source.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';
import type { Stages } from '@millrace/core/work/stages.ts';
import type { ChainHead } from '../dump/claim.ts';
import { type IdentityVerdict, judgeIdentity, type KnownIdentity, splitByProof } from '../dump/identity.ts';
import { type PublicationPlan, planDataEntry, planPublication } from '../dump/publish.ts';
import { type LandingContext, stagesOf, stamp } from './context.ts';
import { persist, settleEntry } from './persist.ts';
import { tellPublication } from './tell.ts';
import { publicationTrace } from './trace.ts';

/** How often a leader is asked again while the topic is missing or cannot be asked, ms. */
const identityRetryMs = 500;

/** A chain we own: who it is of, where it stands, until when its identity is proven. */
export type OwnedChain = { source: SourceIdentity; head: ChainHead; identity: KnownIdentity };

/** `soft` ends waiting for proofs (then only what is proven is published), `hard` ends everything. */
export type PublishSignals = { soft: AbortSignal; hard: AbortSignal };

export type PublishEnding =
  /** all ranges are published */
  | { status: 'published'; chain: OwnedChain }
  /** a newer writer owns the chain */
  | { status: 'fenced'; winner: ChainEntry }
  /** another incarnation was confirmed; what was proven is published, the rest is not of this chain */
  | {
      status: 'source_changed';
      chain: OwnedChain;
      verdict: Extract<IdentityVerdict, { verdict: 'recreated' | 'other_cluster' }>;
      droppedRecords: number;
    }
  /** a signal ended it; `chain` is where it surely stands */
  | { status: 'aborted'; chain: OwnedChain; droppedRecords: number };

const countRecords = (ranges: readonly LineRange[]) => ranges.reduce((sum, range) => sum + range.recordCount, 0);

/**
 * Publishes ranges that join the chain's end: raw object, identity confirmed by the leader after the last record arrived (R1), chain entry.
 * The object is written while the leader is asked; until the entry stands, nobody sees it.
 */
export async function publishRanges(
  context: LandingContext,
  chain: OwnedChain,
  ranges: readonly LineRange[],
  signals: PublishSignals,
  onWait: (reason: string) => void,
): Promise<PublishEnding> {
  const stages = stagesOf(context);
  const [verdict, prepared] = await Promise.all([
    confirmIdentity(context, chain, signals.soft, onWait),
    context.publications.run(() => storeObject(context, chain, ranges, signals.hard, onWait, stages), signals.hard),
  ]);
  if (verdict?.verdict === 'same') {
    const proven = { ...chain, identity: { ...chain.identity, confirmedAt: verdict.confirmedAt } };
    return commitEntry(context, proven, prepared, ranges, signals.hard, onWait, stages);
  }
  const split = splitByProof(ranges, chain.identity.confirmedAt);
  let owned = chain;
  if (split.proven.length > 0) {
    if (split.unproven.length > 0) context.metrics.orphaned(storedBytes(prepared));
    const object = split.unproven.length === 0 ? prepared : await storeObject(context, chain, split.proven, signals.hard, onWait, stages);
    const ending = await commitEntry(context, chain, object, split.proven, signals.hard, onWait, stages);
    if (ending.status !== 'published') return ending;
    owned = ending.chain;
  } else context.metrics.orphaned(storedBytes(prepared));
  const droppedRecords = countRecords(split.unproven);
  if (verdict === undefined || verdict.verdict === 'missing') return { status: 'aborted', chain: owned, droppedRecords };
  return { status: 'source_changed', chain: owned, verdict, droppedRecords };
}

/** Asks the leader until it names an id, or the signal aborts: undefined, or the last `missing`. */
export async function confirmIdentity(
  context: LandingContext,
  chain: OwnedChain,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<IdentityVerdict | undefined> {
  let verdict: IdentityVerdict | undefined;
  while (!signal.aborted) {
    const answer = await persist(context, 'kafka', 'ask the leader', () => context.metadata.confirm(chain.source), signal, onWait);
    if (answer === undefined) return verdict;
    verdict = judgeIdentity(chain.identity, answer);
    if (verdict.verdict !== 'missing') return verdict;
    onWait(`topic ${chain.source.topic} does not exist at present`);
    await context.clock.sleep(identityRetryMs, signal);
  }
  return verdict;
}

/** The lines of ranges as one; a single range's are not copied, since they may be one huge record. */
function joinLines(ranges: readonly LineRange[]): Uint8Array {
  const parts = ranges.flatMap(({ lines }) => (lines.length > 0 ? [lines] : []));
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** What an entry will say; its objects are stored. */
export type Prepared = { plan: PublicationPlan; objects: RawObject[] } | undefined;

async function storeObject(
  context: LandingContext,
  { source, head }: OwnedChain,
  ranges: readonly LineRange[],
  signal: AbortSignal,
  onWait: (reason: string) => void,
  stages: Stages,
): Promise<Prepared> {
  const plan = planPublication(ranges, head);
  if (plan.object === null) return { plan, objects: [] };
  const sealed = stages.begin('seal');
  const body = await context.compress(joinLines(ranges));
  const key = rawObjectKey(source.topic, context.clock.now(), source.partition, plan.object.startOffset, head.epoch, context.random.ulid());
  sealed();
  const uploaded = stages.begin('upload');
  const stored = await persist(
    context,
    'store',
    'store a raw object',
    () => context.store.put(key, body, signal).then(() => true),
    signal,
    onWait,
  );
  if (stored === undefined) return undefined;
  uploaded();
  return { plan, objects: [{ key, bytes: body.length, sha256: hash('sha256', body), ...plan.object }] };
}

const storedBytes = (prepared: Prepared) => prepared?.objects.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;

/** What a trace says of an entry that does not stand, or may not. */
const failures = {
  committed: undefined,
  conflicted: 'a newer writer owns the chain',
  aborted: 'given up before the entry was acknowledged',
};

/** Writes the entry of what is prepared, under the identity that `chain` says is proven. `ranges`: what is lost to us when it is not written, for the count. */
export async function commitEntry(
  context: LandingContext,
  chain: OwnedChain,
  prepared: Prepared,
  ranges: readonly LineRange[],
  signal: AbortSignal,
  onWait: (reason: string) => void,
  stages = stagesOf(context),
): Promise<PublishEnding> {
  const { source, head } = chain;
  if (prepared === undefined) return { status: 'aborted', chain, droppedRecords: countRecords(ranges) };
  const entry = planDataEntry(source, head, prepared.plan, prepared.objects, stamp(context));
  const published = stages.begin('publish');
  const commit = await settleEntry(context, entry, signal, onWait);
  if (commit.status === 'committed') published();
  context.tracer?.record(publicationTrace(entry, context.datasetsOf?.(source.topic) ?? [], stages, failures[commit.status]));
  if (commit.status === 'aborted') return { status: 'aborted', chain, droppedRecords: countRecords(ranges) };
  if (commit.status === 'conflicted') {
    const winner = parseStored(chainEntry, commit.body, `chain entry ${chainEntryKey(source.topic, source, entry.seq)}`);
    tellPublication(context, entry, winner.epoch > head.epoch ? 'fenced' : 'conflicted', stages);
    return { status: 'fenced', winner };
  }
  tellPublication(context, entry, commit.wasUnknown ? 'unknown_resolved' : 'committed', stages);
  return {
    status: 'published',
    chain: { ...chain, head: { ...head, seq: entry.seq, nextOffset: entry.endOffset, leaderEpoch: entry.leaderEpoch } },
  };
}
