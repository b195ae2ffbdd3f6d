import type { ChainStart } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import type { ClusterChange, SuspectedLoss } from '@millrace/core/domain/losses.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { LineRange, RecordSource } from '@millrace/core/ports/record-source.ts';
import { reclaimDelayMs } from '../dump/claim.ts';
import { judgeIdentity } from '../dump/identity.ts';
import { checkPosition, leaderEpochFell, lossByEpoch, type PositionSuspicion, stillSuspected } from '../dump/position.ts';
import { appendRange, emptyBuffer, type LineBuffer, oldestTimestamp, shouldSeal } from '../dump/seal.ts';
import type { PartitionOffsets } from '../dump/source-metadata.ts';
import { type StartFrom, startNotice } from '../dump/start.ts';
import { tellPosition } from '../dump/told-position.ts';
import { approach } from './approach.ts';
import { claimChain } from './claim.ts';
import { closeChain } from './close.ts';
import type { LandingContext } from './context.ts';
import { Flight } from './flight.ts';
import { OpenTransactionWatch } from './held-back.ts';
import type { LandingState, LandingView } from './landing-view.ts';
import type { DropCause } from './metrics/client.ts';
import { PartitionAlarms } from './partition-alarms.ts';
import { confirmIdentity, type OwnedChain, type PublishEnding, publishRanges } from './publish.ts';

/** A mark of records given back may take so long, ms. */
const giveBackMs = 5_000;

/** One partition while the group assigns it to us: claims its chain, buffers ranges, seals, publishes one at a time. All decisions are in `dump/`. */
export class PartitionLanding {
  readonly partition: TopicPartition;
  readonly #context: LandingContext;
  readonly #source: RecordSource;
  readonly #flight: Flight;
  readonly #transaction: OpenTransactionWatch;
  readonly #alarms: PartitionAlarms;
  readonly #soft = new AbortController();
  readonly #hard = new AbortController();
  #state: LandingState = 'claiming';
  #reason: string | null = null;
  #start: ChainStart | null = null;
  /** what is said of where landing began, and the wish of the datasets it answers */
  #notice: { wish: StartFrom | null; words: string | null } | null = null;
  #chain: OwnedChain | null = null;
  #buffer: LineBuffer = emptyBuffer();
  /** what is being published */
  #sealed: LineBuffer = emptyBuffer();
  #publishing: Promise<void> | undefined;
  #received: bigint | null = null;
  #leaderEpoch: number | null = null;
  #end: bigint | null = null;
  #suspicion: PositionSuspicion = null;
  #earliest = 0n;
  #identityDoubted = false;
  #resumed = false;

  constructor(partition: TopicPartition, context: LandingContext, source: RecordSource) {
    this.partition = partition;
    this.#context = context;
    this.#source = source;
    this.#flight = new Flight(context);
    this.#alarms = new PartitionAlarms(partition, context.metrics);
    this.#transaction = new OpenTransactionWatch(partition, context);
    this.#claim(0);
  }

  get bufferedBytes(): number {
    return this.#buffer.bytes + this.#sealed.bytes;
  }

  view(): LandingView {
    return {
      state: this.#state,
      reason: this.#reason,
      notice: this.#notice?.words ?? null,
      chain: this.#chain,
      received: this.#received,
      oldestTimestamp: oldestTimestamp(this.#sealed) ?? oldestTimestamp(this.#buffer),
      end: this.#end,
      loss: this.#alarms.loss,
      heldBack: this.#transaction.heldBack,
      clusterChange: this.#alarms.clusterChange,
    };
  }

  /** Takes what was read. Ranges of a partition that is not being read (any more) are dropped: somebody reads them again. */
  accept(range: LineRange): void {
    if (this.#state !== 'running' || this.#soft.signal.aborted || this.#received === null) return;
    const fell = leaderEpochFell(this.#leaderEpoch, range.leaderEpoch, range.startOffset);
    if (fell !== null) {
      this.#stop(fell, lossByEpoch(this.#received, this.#earliest));
      return;
    }
    appendRange(this.#buffer, range, this.#received);
    this.#received = range.endOffset;
    this.#leaderEpoch = range.leaderEpoch ?? this.#leaderEpoch;
  }

  /** Called many times a second: seals when it is time, and looks again when a person decided. @param sealBytes may be below the setting while the budget is short */
  tick(now: number, sealBytes: number): void {
    if (this.#publishing !== undefined || this.#soft.signal.aborted) return;
    const resumed = this.#resumed && this.#state === 'stopped';
    if (resumed && this.#buffer.ranges.length === 0) {
      this.#claim(0, true);
      return;
    }
    if (this.#chain === null || (this.#state !== 'running' && this.#state !== 'stopped')) return;
    if (shouldSeal(this.#buffer, { ...this.#context.seal, sealBytes }, now) || this.#identityDoubted || resumed) this.#publish();
  }

  /** The watch saw another id under our topic's name: ask the leader now, whether there are records or not. */
  doubtIdentity(): void {
    if (this.#state !== 'released') this.#identityDoubted = true; // while claiming too: the claim may have asked before
  }

  /** Keeps the proof of identity fresh, so that little is unproven when the topic is made again (R1). Does not wait while the topic is missing. */
  async refreshProof(): Promise<void> {
    const chain = this.#chain;
    if (this.#state !== 'running' || chain === null || this.#buffer.ranges.length === 0 || this.#publishing !== undefined) return;
    const answer = await this.#context.metadata.confirm(this.partition).catch(() => undefined);
    if (answer === undefined || this.#chain !== chain) return;
    const verdict = judgeIdentity(chain.identity, answer);
    if (verdict.verdict === 'same') this.#chain = { ...chain, identity: { ...chain.identity, confirmedAt: verdict.confirmedAt } };
    else if (verdict.verdict !== 'missing') this.#identityDoubted = true;
  }

  /** What the leader keeps, asked now and then: retention may overrun us and logs may be cut while we read. */
  sawOffsets(offsets: PartitionOffsets): void {
    if (this.#state === 'released') return; // asked before: its metrics are gone and stay gone
    this.#end = offsets.lastStable;
    this.#earliest = offsets.earliest;
    const { loss } = this.#alarms;
    if (loss !== null && this.#state === 'stopped') this.#alarms.suspect(stillSuspected(loss, offsets));
    this.#transaction.saw(offsets);
    if (this.#state !== 'running' || this.#received === null) return;
    this.#noticeStart(offsets.earliest);
    const verdict = checkPosition(this.#received, offsets, true, this.#suspicion, this.#context.clock.monotonic());
    if (verdict.verdict === 'stop') this.#stop(verdict.reason, verdict.loss);
    else this.#suspicion = verdict.suspicion;
  }

  /** Says where landing began, anew only when the datasets' wish is another: the words keep the range that was missing then, while retention goes on. */
  #noticeStart(earliest: bigint): void {
    const wish = this.#context.wish(this.partition.topic).startFrom;
    if (this.#chain === null || this.#start === null || this.#notice?.wish === wish) return;
    this.#notice = { wish, words: startNotice(this.partition.partition, this.#start, this.#chain.head.chainStart, wish, earliest) };
  }

  /** A person decided: a stopped partition looks again, once what it had buffered is published. */
  evaluateAgain(): void {
    if (this.#state === 'stopped') this.#resumed = true;
  }

  /**
   * The group takes the partition in good order, or the process ends: publishes what is buffered, and drops what could not be within `deadlineMs`.
   * Ends by then, whoever does not answer. Idempotent.
   * @param clean false when an error ends the process: whatever was handed to us may be why (R13)
   */
  async release(deadlineMs: number, clean = true): Promise<void> {
    const { clock } = this.#context;
    const givenBack = clean ? this.#flight.giveBack(this.#chain?.head.nextOffset, deadlineMs) : undefined;
    const done = new AbortController();
    // the first part of the time belongs to proofs and retries in good order, the rest to publishing what is proven
    void clock.sleep(deadlineMs * 0.6, done.signal).then(() => this.#soft.abort());
    const deadline = clock.sleep(deadlineMs, done.signal).then(() => this.#hard.abort());
    if (this.#state === 'claiming') this.#hard.abort();
    await Promise.race([Promise.all([this.#publishAll(), givenBack]), deadline]);
    done.abort();
    this.drop('released');
  }

  async #publishAll(): Promise<void> {
    await this.#publishing;
    if (this.#hard.signal.aborted || this.#buffer.ranges.length === 0) return;
    if (this.#state !== 'running' && this.#state !== 'stopped') return;
    this.#publish();
    await this.#publishing;
  }

  /** Somebody else owns the partition already, or the time is up: forget what is buffered. */
  drop(cause: 'lost' | 'released'): void {
    if (cause === 'lost') void this.#flight.giveBack(this.#chain?.head.nextOffset, giveBackMs);
    this.#soft.abort();
    this.#hard.abort();
    this.#dropBuffer(cause);
    this.#state = 'released';
    this.#reason = null;
    this.#alarms.end();
    this.#transaction.end();
  }

  /** @param resumed a person asked for it */
  #claim(delayMs: number, resumed = false): void {
    this.#state = 'claiming';
    this.#alarms.suspect(null);
    this.#received = null;
    this.#suspicion = null;
    this.#identityDoubted = false;
    this.#resumed = false;
    void this.#claimAndStart(delayMs, resumed).catch((error) => {
      if (isKind(error, 'conflict')) return; // the group took it away meanwhile: the release follows
      this.#context.log.error({ ...this.partition, err: error }, 'a chain cannot be claimed');
      this.#halt(describeError(error));
    });
  }

  async #claimAndStart(delayMs: number, resumed: boolean): Promise<void> {
    const { clock, metrics, log } = this.#context;
    const signal = this.#hard.signal;
    await clock.sleep(delayMs, signal);
    const told = this.#source.toldBefore(this.partition);
    const ending = await claimChain(this.#context, this.partition, told, signal, this.#waitClaim);
    if (signal.aborted) return;
    this.#alarms.foundCluster(null);
    metrics.claimed(ending.status);
    if (ending.status === 'fenced') return this.#fenced('another worker claimed the chain at the same time');
    if (ending.status === 'aborted') return;
    if (ending.status === 'stopped') {
      this.#chain = ending.chain;
      return this.#halt(ending.reason, ending.loss);
    }
    this.#chain = ending.chain;
    const near = await approach(this.#context, this.#flight, ending.chain, resumed, signal, this.#wait);
    if (signal.aborted || near.status === 'aborted') return;
    if (near.status === 'fenced') return this.#fenced(near.words);
    if (near.status === 'source_changed') {
      this.#chain = null;
      return this.#claim(0);
    }
    this.#chain = near.chain;
    if (near.status === 'stopped') return this.#halt(near.reason, near.loss);
    const { chain } = near;
    const { start, earliest } = ending;
    this.#start = start;
    this.#notice = null;
    this.#noticeStart(earliest);
    this.#received = chain.head.nextOffset;
    this.#leaderEpoch = chain.head.leaderEpoch;
    this.#state = 'running';
    this.#reason = null;
    log.info(
      { ...this.partition, topicId: chain.source.topicId, epoch: chain.head.epoch.toString(), offset: chain.head.nextOffset.toString() },
      'claimed',
    );
    this.#source.start({ ...this.partition, offset: chain.head.nextOffset, leaderEpoch: chain.head.leaderEpoch });
    this.#announce(chain);
  }

  #publish(): void {
    const chain = this.#chain;
    if (chain === null) return;
    const sealed = this.#buffer;
    this.#buffer = emptyBuffer();
    this.#sealed = sealed;
    this.#identityDoubted = false;
    this.#publishing = this.#publishSealed(chain, sealed)
      .then(
        (ending) => this.#published(ending),
        (error) => {
          this.#context.log.error({ ...this.partition, err: error }, 'a publication failed');
          if (this.#state === 'released') return;
          this.#source.stop(this.partition);
          this.#dropBuffer('failed');
          this.#halt(describeError(error));
        },
      )
      .finally(() => {
        this.#publishing = undefined;
        this.#sealed = emptyBuffer();
      });
  }

  async #publishSealed(chain: OwnedChain, { ranges }: LineBuffer): Promise<PublishEnding> {
    const signals = { soft: this.#soft.signal, hard: this.#hard.signal };
    if (ranges.length > 0) return publishRanges(this.#context, chain, ranges, signals, this.#wait);
    const verdict = await confirmIdentity(this.#context, chain, signals.soft, this.#wait);
    if (verdict?.verdict === 'recreated' || verdict?.verdict === 'other_cluster')
      return { status: 'source_changed', chain, verdict, droppedRecords: 0 };
    return { status: 'published', chain };
  }

  async #published(ending: PublishEnding): Promise<void> {
    const { metrics, log } = this.#context;
    if (ending.status === 'aborted' || ending.status === 'source_changed')
      metrics.dropped.inc({ cause: ending.status }, ending.droppedRecords);
    if (this.#state === 'released') return; // too late: the partition may be another owner's, even in this process
    if (ending.status === 'fenced') {
      metrics.dropped.inc({ cause: 'fenced' }, this.#bufferedRecords());
      return this.#fenced(`epoch ${ending.winner.epoch} of ${ending.winner.writer} owns the chain`);
    }
    const before = this.#chain;
    this.#chain = ending.chain;
    if (ending.chain.head.seq !== before?.head.seq) {
      this.#committed(ending.chain);
      this.#announce(ending.chain);
    }
    if (ending.status === 'published') {
      if (this.#state === 'running') this.#reason = null;
      return;
    }
    if (ending.status === 'aborted') return this.#dropBuffer('released');
    this.#source.stop(this.partition);
    this.#dropBuffer('source_changed');
    const now = ending.verdict.verdict === 'recreated' ? ending.verdict.topicId : `cluster ${ending.verdict.clusterId}`;
    log.warn(
      {
        ...this.partition,
        topicId: ending.chain.source.topicId,
        now,
        landed: ending.chain.head.nextOffset.toString(),
        unproven: ending.droppedRecords,
      },
      'the topic was made again: its old records end here',
    );
    if (ending.verdict.verdict === 'recreated') await closeChain(this.#context, ending.chain, ending.verdict.topicId, this.#hard.signal);
    this.#chain = null;
    if (!this.#hard.signal.aborted) this.#claim(0);
  }

  #committed({ source, head }: OwnedChain): void {
    this.#alarms.published();
    const metadata = tellPosition({ topicId: source.topicId, epoch: head.epoch, seq: head.seq });
    this.#source.commitOffsets([{ ...this.partition, offset: head.nextOffset, leaderEpoch: head.leaderEpoch, metadata }]);
  }

  #announce({ source: { topic, topicId, partition }, head: { seq, nextOffset } }: OwnedChain): void {
    this.#context.announcer?.announce({ format: 1, topic, topicId, partition, seq, endOffset: nextOffset });
  }

  #fenced(words: string): void {
    const { log, random, sessionTimeoutMs } = this.#context;
    this.#source.stop(this.partition);
    this.#dropBuffer('fenced');
    void this.#flight.giveBack(this.#chain?.head.nextOffset, giveBackMs);
    const { fencings, pingPong } = this.#alarms.fenced();
    const delayMs = reclaimDelayMs(sessionTimeoutMs, fencings, random.fraction());
    this.#reason = `fenced: ${words}; claimed again in ${Math.round(delayMs / 1000)} s while Kafka assigns the partition to us`;
    log[pingPong ? 'error' : 'warn']({ ...this.partition, fencings, delayMs }, this.#reason);
    if (!this.#hard.signal.aborted) this.#claim(delayMs);
  }

  /** Reading ends, what is buffered is still published, and a person is needed. */
  #stop(reason: string, loss: SuspectedLoss): void {
    this.#source.stop(this.partition);
    this.#halt(reason, loss);
    this.#context.log.error({ ...this.partition, reason }, 'a partition stops');
  }

  /** @param loss what a person may accept; null for a stop that needs something else */
  #halt(reason: string, loss: SuspectedLoss | null = null): void {
    if (this.#state === 'released') return;
    this.#state = 'stopped';
    this.#reason = reason;
    this.#alarms.suspect(loss);
  }

  readonly #waitClaim = (reason: string, change?: ClusterChange): void => {
    this.#wait(reason);
    if (change !== undefined && this.#state !== 'released') this.#alarms.foundCluster(change); // it stands while the claim waits for something else too: one piece of news, not many
  };

  readonly #wait = (reason: string): void => {
    if (this.#state === 'claiming' || this.#state === 'running') this.#reason = reason;
  };

  #bufferedRecords(): number {
    return this.#buffer.ranges.reduce((sum, range) => sum + range.recordCount, 0);
  }

  #dropBuffer(cause: DropCause): void {
    const records = this.#bufferedRecords();
    if (records > 0) this.#context.metrics.dropped.inc({ cause }, records);
    this.#buffer = emptyBuffer();
  }
}
