import { encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { type FlightMark, flightFormat, flightMark } from '@millrace/core/domain/flight.ts';
import { flightMarkKey } from '@millrace/core/domain/keys.ts';
import { epochsLookedBack, type FlightVerdict, isPast, judgeFlight } from '../dump/flight.ts';
import type { LandingContext } from './context.ts';
import { persist } from './persist.ts';
import type { OwnedChain } from './publish.ts';

/*
 * Flight marks: how a new owner knows that those before it died over the same record (exact rule R13). One GET and one PUT a claim of a partition that
 * has records waiting, one PUT more when it is given back without progress; none a record or a batch.
 */

export type MarkWords = Pick<FlightMark, 'mode' | 'records' | 'aloneDeaths' | 'state'>;

/** What former owners' marks say of our next offset; undefined when the signal came first. */
export async function readFlight(
  context: LandingContext,
  chain: OwnedChain,
  signal: AbortSignal,
  onWait: (reason: string) => void,
): Promise<FlightVerdict | undefined> {
  const { source, head } = chain;
  const marks: FlightMark[] = [];
  for (let back = 1n; back <= epochsLookedBack && head.epoch - back > 0n; back++) {
    const key = flightMarkKey(source.topic, source, head.epoch - back);
    const found = await persist(
      context,
      'store',
      'read a flight mark',
      async () => ({ mark: readMark(await context.store.get(key, { signal }), key) }),
      signal,
      onWait,
    );
    if (found === undefined) return undefined;
    if (found.mark === undefined) continue;
    marks.push(found.mark);
    if (isPast(found.mark, head.nextOffset)) break;
  }
  return judgeFlight(head.nextOffset, marks);
}

/** A mark that cannot be read says nothing: better one death more than a partition that stands still over a hint. */
function readMark(bytes: Uint8Array | undefined, key: string): FlightMark | undefined {
  if (bytes === undefined) return undefined;
  try {
    return parseStored(flightMark, bytes, `flight mark ${key}`, flightFormat);
  } catch {
    return undefined;
  }
}

/** What one owner says of the records it is handed: at most one mark an epoch, written again as it changes. */
export class Flight {
  readonly #context: LandingContext;
  #last: { chain: OwnedChain; words: MarkWords } | null = null;

  constructor(context: LandingContext) {
    this.#context = context;
  }

  /** Records, under our epoch, what is about to be handed to us at the chain's next offset. @returns false when the signal came first: then it may or may not be there */
  mark(chain: OwnedChain, words: MarkWords, signal: AbortSignal, onWait?: (reason: string) => void): Promise<boolean> {
    this.#last = { chain, words };
    return this.#write(chain, words, signal, onWait);
  }

  /**
   * We are alive and give the records back: no death is to be counted. Costs nothing when there was progress since the mark, which says as much. Best effort.
   * @param nextOffset of the chain as we know it; undefined before there is one
   */
  async giveBack(nextOffset: bigint | undefined, withinMs: number): Promise<void> {
    const last = this.#last;
    this.#last = null;
    if (last === null || last.words.state === 'released' || nextOffset === undefined || nextOffset > last.chain.head.nextOffset) return;
    const [end, done] = [new AbortController(), new AbortController()];
    void this.#context.clock.sleep(withinMs, done.signal).then(() => end.abort());
    await this.#write(last.chain, { ...last.words, state: 'released' }, end.signal).catch((error) =>
      this.#context.log.warn({ err: error }, 'a flight mark was not taken back'),
    );
    done.abort();
  }

  async #write({ source, head }: OwnedChain, words: MarkWords, signal: AbortSignal, onWait?: (reason: string) => void): Promise<boolean> {
    const { store, clock, writer } = this.#context;
    const mark: FlightMark = {
      format: flightFormat,
      epoch: head.epoch,
      offset: head.nextOffset,
      ...words,
      writer,
      writtenAt: new Date(clock.now()).toISOString(),
    };
    const key = flightMarkKey(source.topic, source, head.epoch);
    const body = encodeStored(flightMark, mark);
    const put = () => store.put(key, body, signal).then(() => true);
    return (await persist(this.#context, 'store', 'write a flight mark', put, signal, onWait)) === true;
  }
}
