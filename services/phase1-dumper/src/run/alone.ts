import type { RawObject } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { dataLossSuspected, type SuspectedLoss } from '@millrace/core/domain/losses.ts';
import { type AloneStep, aloneDeathsMax, aloneReadBytes, nextAloneStep, poisonReason } from '../dump/flight.ts';
import { leaderEpochFell, lossByEpoch } from '../dump/position.ts';
import type { PublicationPlan } from '../dump/publish.ts';
import { partitionKey } from '../dump/source-metadata.ts';
import { closeChain } from './close.ts';
import type { LandingContext } from './context.ts';
import type { Flight } from './flight.ts';
import type { Limit } from './limit.ts';
import { commitEntry, confirmIdentity, type OwnedChain } from './publish.ts';

/** What a lone reader is asked: read on from its last answer (from the chain's next offset at first), and store what was read as one raw object. */
export type AloneRequest = { recordsMax: number; readBytes: number };

export type AloneAnswer =
  /** `objects` are stored, and not yet named by any entry. `atEnd`: Kafka had no more */
  | { status: 'read'; plan: PublicationPlan; objects: RawObject[]; atEnd: boolean }
  /** no record came within the reader's time */
  | { status: 'nothing' }
  /** the reader is gone, by itself or for taking too long */
  | { status: 'died'; cause: string };

/** A reader of one partition in a process of its own, in as little memory as can be: when a record kills it, nobody else is hurt. */
export interface LoneReader {
  /** @throws kind `unavailable` or `invalid` while Kafka or the store is away or refuses us; then, and after `died`, the reader is of no more use */
  read(request: AloneRequest, signal: AbortSignal): Promise<AloneAnswer>;
  close(): void;
}

/** @throws kind `unavailable` when the machine has no process to give */
export type OpenLoneReader = (chain: OwnedChain) => LoneReader;

/** What landing alone works with. */
export type AloneSettings = {
  /** one at a time in a process, so that the memory it needs is needed once */
  atOnce: Limit;
  open: OpenLoneReader;
  /** lines (bytes) after which nothing is left that a reader of before can have had in memory: the client's queue and a sealed buffer */
  bytesMax: number;
};

export type AloneEnding =
  /** what other readers may have had in memory is landed: reading goes on with the others */
  | { status: 'passed'; chain: OwnedChain }
  /** `loss` is what a person decides about: a record, or a log whose leader epoch fell */
  | { status: 'stopped'; chain: OwnedChain; reason: string; loss: SuspectedLoss }
  | { status: 'fenced'; chain: OwnedChain; words: string }
  /** the topic was made again: its chain is closed */
  | { status: 'source_changed'; chain: OwnedChain }
  | { status: 'aborted'; chain: OwnedChain };

/** Pause before a reader that was refused, by the machine, Kafka or the store, is asked again, ms: doubled up to the last. */
const waitMs = 1_000;
const waitMsMax = 30_000;

/**
 * Lands what follows the chain's end in a process of its own: one record first, then twice as many each time, until so many bytes are past that no reader of before can have
 * had more in memory. A death brings it back to one record; deaths over one single record stop the partition with its offset.
 * @param aloneDeaths counted over the next offset so far
 */
export async function landAlone(
  context: LandingContext,
  settings: AloneSettings,
  flight: Flight,
  chain: OwnedChain,
  aloneDeaths: number,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<AloneEnding> {
  const ending = await settings.atOnce.run(() => landAloneNow(context, settings, flight, chain, aloneDeaths, signal, onWait), signal);
  return ending ?? { status: 'aborted', chain };
}

async function landAloneNow(
  context: LandingContext,
  settings: AloneSettings,
  flight: Flight,
  claimed: OwnedChain,
  deathsBefore: number,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<AloneEnding> {
  const { log, metrics, clock } = context;
  let chain = claimed;
  let aloneDeaths = deathsBefore;
  let step: AloneStep = { records: 1, suspectEnd: 0n };
  let passedBytes = 0;
  let refusedMs = waitMs;
  let reader: LoneReader | undefined;
  const at = () => ({ topic: chain.source.topic, partition: chain.source.partition, offset: chain.head.nextOffset.toString() });
  const closeReader = () => {
    reader?.close();
    reader = undefined;
  };
  try {
    while (passedBytes < settings.bytesMax && !signal.aborted) {
      const next = chain.head.nextOffset;
      const { records } = step;
      onWait(`the records from offset ${next} are landed alone, ${records} at a time: those who read them before died`);
      if (!(await flight.mark(chain, { mode: 'alone', records, aloneDeaths, state: 'flying' }, signal, onWait))) break;
      let answer: AloneAnswer;
      try {
        reader ??= settings.open(chain);
        answer = await reader.read({ recordsMax: records, readBytes: aloneReadBytes }, signal);
      } catch (error) {
        closeReader();
        if (!isKind(error, 'unavailable', 'invalid')) throw error; // credentials and buckets are mended from outside
        onWait(describeError(error));
        await clock.sleep(refusedMs, signal);
        refusedMs = Math.min(waitMsMax, refusedMs * 2);
        continue;
      }
      refusedMs = waitMs;
      if (signal.aborted) break;
      if (answer.status === 'died') {
        closeReader();
        metrics.aloneDeaths.inc();
        log.error({ ...at(), records, cause: answer.cause }, 'a reader died over records it was given alone');
        if (records === 1) aloneDeaths++;
        if (aloneDeaths >= aloneDeathsMax) {
          await flight.mark(chain, { mode: 'alone', records: 1, aloneDeaths, state: 'released' }, signal, onWait);
          return { status: 'stopped', chain, ...poison(chain, aloneDeaths) };
        }
        step = nextAloneStep(step, 'died', next);
        continue;
      }
      if (answer.status === 'nothing') {
        closeReader();
        if (await isAtEnd(context, chain)) return { status: 'passed', chain };
        onWait(`no record arrives from offset ${next} on, though Kafka has more`);
        await clock.sleep(waitMs, signal);
        continue;
      }
      const fell = leaderEpochFell(chain.head.leaderEpoch, answer.plan.leaderEpoch, next);
      if (fell !== null) return { status: 'stopped', chain, reason: fell, loss: lossByEpoch(next, 0n) };
      const ending = await publish(context, chain, answer, signal, onWait);
      if (ending.status !== 'published') return ending;
      chain = ending.chain;
      aloneDeaths = 0;
      metrics.aloneRecords.inc(answer.plan.object?.recordCount ?? 0);
      passedBytes += answer.plan.object?.linesBytes ?? 0;
      step = nextAloneStep(step, 'landed', chain.head.nextOffset);
      if (answer.atEnd) return { status: 'passed', chain };
    }
    return signal.aborted ? { status: 'aborted', chain } : { status: 'passed', chain };
  } finally {
    closeReader();
  }
}

/** What is said of a record that killed all its readers. Pure. */
export function poison({ source, head }: OwnedChain, aloneDeaths: number): { reason: string; loss: SuspectedLoss } {
  const startOffset = head.nextOffset;
  return {
    reason: poisonReason(source.topic, source.partition, startOffset, aloneDeaths),
    loss: { code: dataLossSuspected, kind: 'poison', startOffset, endOffset: startOffset + 1n },
  };
}

/** Names what the reader stored in the chain, once the leader has confirmed the topic after its last record arrived (R1). */
async function publish(
  context: LandingContext,
  chain: OwnedChain,
  { plan, objects }: Extract<AloneAnswer, { status: 'read' }>,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<{ status: 'published'; chain: OwnedChain } | Exclude<AloneEnding, { status: 'passed' | 'stopped' }>> {
  const verdict = await confirmIdentity(context, chain, signal, onWait);
  if (verdict === undefined || verdict.verdict === 'missing') return { status: 'aborted', chain };
  if (verdict.verdict !== 'same') {
    if (verdict.verdict === 'recreated') await closeChain(context, chain, verdict.topicId, signal);
    return { status: 'source_changed', chain };
  }
  const proven = { ...chain, identity: { ...chain.identity, confirmedAt: verdict.confirmedAt } };
  const ending = await commitEntry(context, proven, { plan, objects }, [], signal, onWait);
  if (ending.status === 'fenced')
    return { status: 'fenced', chain, words: `epoch ${ending.winner.epoch} of ${ending.winner.writer} owns the chain` };
  return ending.status === 'published' ? ending : { status: 'aborted', chain };
}

async function isAtEnd(context: LandingContext, { source, head }: OwnedChain): Promise<boolean> {
  const offsets = await context.metadata.offsets([source]).catch(() => undefined);
  const lastStable = offsets?.get(partitionKey(source))?.lastStable;
  return lastStable !== undefined && lastStable <= head.nextOffset;
}
