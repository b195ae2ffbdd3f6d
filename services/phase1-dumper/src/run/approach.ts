import type { SuspectedLoss } from '@millrace/core/domain/losses.ts';
import { partitionKey } from '../dump/source-metadata.ts';
import { settleLoss } from './accept-loss.ts';
import { landAlone, poison } from './alone.ts';
import type { LandingContext } from './context.ts';
import { type Flight, readFlight } from './flight.ts';
import { persist } from './persist.ts';
import type { OwnedChain } from './publish.ts';

export type ApproachEnding =
  /** read on from the chain's end with all others */
  | { status: 'clear'; chain: OwnedChain }
  | { status: 'stopped'; chain: OwnedChain; reason: string; loss: SuspectedLoss }
  | { status: 'fenced'; words: string }
  /** the topic was made again: claim anew */
  | { status: 'source_changed' }
  | { status: 'aborted' };

/**
 * Between a claim and the first record: records that records are about to be handed to us, and reads them with care when former owners died over them (exact rule R13).
 * A partition with nothing to read is marked by nobody: whatever its owner dies of, it is not a record of it.
 * @param resumed a person asked to look again: a record that stopped the partition gets another try, unless that person accepted its loss
 */
export async function approach(
  context: LandingContext,
  flight: Flight,
  claimed: OwnedChain,
  resumed: boolean,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<ApproachEnding> {
  let chain = claimed;
  let retry = resumed;
  /** a record was given up here: what follows is read alone too, since deadly records come in runs and a hole may have been named for one */
  let careful = false;
  while (!signal.aborted) {
    if (!(await hasRecords(context, chain, signal, onWait))) break;
    const verdict = await readFlight(context, chain, signal, onWait);
    if (verdict === undefined) break;
    if (context.alone === undefined || (verdict.approach === 'shared' && !careful)) {
      await flight.mark(chain, { mode: 'shared', records: null, aloneDeaths: 0, state: 'flying' }, signal, onWait);
      break;
    }
    let aloneDeaths = verdict.approach === 'shared' ? 0 : verdict.aloneDeaths;
    // carried on under our epoch: what is known must not be forgotten when owners change often
    if (!(await flight.mark(chain, { mode: 'alone', records: 1, aloneDeaths, state: 'released' }, signal, onWait))) break;
    if (verdict.approach === 'stop') {
      const stop = poison(chain, aloneDeaths);
      const settled = await settleLoss(context, chain, stop.loss, signal, onWait);
      if (settled.status === 'settled') {
        chain = settled.chain;
        careful = true;
        continue;
      }
      if (settled.status === 'fenced') return { status: 'fenced', words: 'another worker wrote to the chain' };
      if (settled.status === 'aborted') break;
      if (!retry) return { status: 'stopped', chain, ...stop };
      aloneDeaths = 0;
    }
    retry = false;
    careful = false;
    const { source, head } = chain;
    context.log.warn(
      { topic: source.topic, partition: source.partition, offset: head.nextOffset.toString(), deaths: verdict.deaths },
      'former owners died over the next records: they are landed alone',
    );
    const ending = await landAlone(context, context.alone, flight, chain, aloneDeaths, signal, onWait);
    if (ending.status !== 'passed') return ending;
    chain = ending.chain;
  }
  return signal.aborted ? { status: 'aborted' } : { status: 'clear', chain };
}

/** Does Kafka hold a record at or behind our next offset, as far as its leader says? */
async function hasRecords(
  context: LandingContext,
  { source, head }: OwnedChain,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<boolean> {
  const known = await persist(context, 'kafka', 'ask for offsets', () => context.metadata.offsets([source]), signal, onWait);
  const offsets = known?.get(partitionKey(source));
  return offsets === undefined || offsets.lastStable > head.nextOffset;
}
