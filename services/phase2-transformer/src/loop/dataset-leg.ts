import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { readEntry } from '@millrace/core/chain/entries.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import { tableConfigKey } from '@millrace/core/domain/keys.ts';
import type { SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import { type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import { type BatchLimits, type PendingPiece, planBatch } from '../plan/batches.ts';
import type { Block } from '../plan/block.ts';
import { ledgerTotals, type PartitionStart } from '../plan/ledger-sums.ts';
import { pieceBytes } from '../plan/pieces.ts';
import { type BatchDeps, runBatch } from './batch-run.ts';
import { SchemaVersions } from './blocked-schema.ts';
import type { BuildLimits } from './build-batch.ts';
import { ChainFollower, type ChainPosition } from './chain-follower.ts';
import type { BatchEnding } from './commit-batch.ts';
import { type Hindrance, hindranceOf, type LastCommit, reportOf } from './leg-status.ts';
import type { BatchSlots } from './slots.ts';
import { headOf, noTable, openTable, readNews, type TableHead } from './table-head.ts';
import { resolveTableStart } from './table-start.ts';
import { Wake } from './wake.ts';

/** What a leg tells the process it runs in. Must not throw or block. */
export type LegEvents = {
  changed(): void;
  schemaVersion(record: SchemaVersionRecord): void;
  committed(facts: {
    dataset: string;
    version: bigint;
    head: TableHead;
    records: bigint;
    quarantined: bigint;
    dropped: bigint;
    bytes: number;
    ms: number;
  }): void;
  dropped(dataset: string): void;
  failed(dataset: string): void;
};

export type LegDeps = BatchDeps & { slots: BatchSlots; log: Logger; worker: string; events: LegEvents };

export type LegLimits = BatchLimits & BuildLimits;

/** Pause before work is tried again after a failure, ms: doubled from the first up to the last. */
const retryMsMin = 500;
const retryMsMax = 30_000;
/** After a stop was asked for: what is being read and built may take so long, ms; what is being committed so long. */
export const stopBuildMs = 4_000;
export const stopCommitMs = 7_500;
/** While something waits for a batch the table is asked for commits of others this often, ms. One GET. */
const tableLookMs = 2_000;
/** Longest sleep between two looks at anything, ms. */
const idleMsMax = 2_000;

/**
 * The table leg of one dataset: follow, plan, build, commit, and wait where a person is needed. It owns nothing durable: everything it knows it can read again,
 * so every way out of a batch but `committed` leads to opening the table anew. Other datasets never see its troubles.
 */
export class DatasetLeg {
  readonly #deps: LegDeps;
  readonly #limits: LegLimits;
  readonly #wake = new Wake();
  readonly #stopping = new AbortController();
  readonly #buildStop = new AbortController();
  readonly #commitStop = new AbortController();
  #dataset: Dataset;
  /** the dataset as it was when the present step began: what a step finds out is true of it, not of a newer one that came meanwhile */
  #under: Dataset;
  #hindrance: Hindrance;
  #head: TableHead = noTable;
  #starts = new Map<string, PartitionStart>();
  /** landed records before the table's start, per source */
  #skipped = new Map<string, { startOffset: bigint; endOffset: bigint }>();
  #follower: ChainFollower;
  #lastCommit: LastCommit | null = null;
  #configWritten = 0;
  readonly #schemaVersions = new SchemaVersions();
  /** a resume came after the flood check had stopped the table */
  #floodWaived = false;
  /** a batch failed or waited for a person: its pieces have waited long enough */
  #eager = false;
  #inBatch = false;
  /** monotonic ms of the next look at the table */
  #tableLookAt = 0;
  #failedInBatch = false;
  /** batches are cut to 1/2^shrink after a worker ran out of memory */
  #shrink = 0;

  constructor(deps: LegDeps, dataset: Dataset, limits: LegLimits) {
    this.#deps = deps;
    this.#dataset = dataset;
    this.#under = dataset;
    this.#limits = limits;
    this.#follower = this.#newFollower();
  }

  get dataset(): Dataset {
    return this.#dataset;
  }

  report(): TableReport {
    return reportOf(
      {
        dataset: this.#dataset,
        hindrance: this.#hindrance,
        hasChains: this.#follower.size > 0,
        head: this.#head,
        starts: this.#starts,
        skipped: this.#skipped,
        landed: this.#follower.landed(),
        lastCommit: this.#lastCommit,
        committedTimestamp: this.#follower.committedTimestamp(),
      },
      this.#deps.worker,
    );
  }

  /** What stands in the way, if anything. */
  get hindrance(): Hindrance {
    return this.#hindrance;
  }

  /** The dataset's configuration, pause or resume count changed: acted on before the next batch. */
  update(dataset: Dataset): void {
    if (dataset.version === this.#dataset.version) return;
    this.#dataset = dataset;
    this.#wake.up();
  }

  /**
   * Asks the leg to end. `finish`: what has landed is committed when that is done in time, else dropped; `drop`: only what is being committed already is.
   */
  stop(how: 'finish' | 'drop' = 'finish'): void {
    if (how === 'drop') this.#buildStop.abort();
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#wake.up();
    const buildTimer = setTimeout(() => this.#buildStop.abort(), stopBuildMs);
    const commitTimer = setTimeout(() => this.#commitStop.abort(), stopCommitMs);
    buildTimer.unref();
    commitTimer.unref();
  }

  /** Works until `stop`. Never rejects. */
  async run(): Promise<void> {
    let retryMs = retryMsMin;
    while (!this.#buildStop.signal.aborted) {
      const committedBefore = this.#lastCommit;
      try {
        await this.#session();
        if (this.#stopping.signal.aborted) return;
        retryMs = retryMsMin;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (this.#lastCommit !== committedBefore) retryMs = retryMsMin;
        this.#shrinkAfter(error);
        this.#failedInBatch = this.#inBatch;
        this.#eager = this.#inBatch;
        this.#inBatch = false;
        this.#deps.log.warn({ dataset: this.#dataset.name, err: error, retryMs }, 'the table leg failed and is tried again');
        this.#deps.events.failed(this.#dataset.name);
        this.#hinder(hindranceOf(error, this.#under));
        await this.#sleep(retryMs);
        retryMs = Math.min(retryMsMax, retryMs * 2);
        if (this.#hindrance?.kind === 'blocked') await this.#waitForPerson(this.#hindrance);
      }
    }
  }

  /** From opening the table to a person's wish, a block or the end. */
  async #session(): Promise<void> {
    if (this.#dataset.paused) return this.#waitWhilePaused();
    this.#under = this.#dataset;
    this.#follower = this.#newFollower();
    const block = this.#take(await openTable(this.#deps.table, this.#under));
    if (block !== undefined) return this.#blockUntilResumed(block);
    for (;;) {
      if (this.#dataset.paused) return this.#waitWhilePaused();
      this.#under = this.#dataset;
      const stopping = this.#stopping.signal.aborted;
      const overtaken = await this.#look(stopping);
      if (overtaken !== undefined) return this.#blockUntilResumed(overtaken);
      // a failure in a batch is over when a batch is committed, any other when a look succeeds
      if (this.#hindrance?.kind === 'failed' && !this.#failedInBatch) this.#hinder(undefined);
      const now = this.#deps.clock.monotonic();
      const plan = planBatch(this.#follower.pending(), this.#batchLimits(stopping || this.#eager), now);
      if ('take' in plan) {
        const ending = await this.#batch(plan.take);
        if (ending?.status === 'blocked') return this.#blockUntilResumed(ending.block);
        // overtaken at the last moment: what is left is looked at once more
        if (ending?.status !== 'committed' && !this.#buildStop.signal.aborted) continue;
      } else if (!stopping)
        await this.#sleep(Math.min(idleMsMax, plan.waitMs ?? idleMsMax, Math.max(0, this.#follower.nextLookAt() - now)));
      if (stopping) return;
    }
  }

  /** Makes what was read of the table the base of the next batch. */
  #take(opened: { head: TableHead } | { block: Block }): Block | undefined {
    if ('block' in opened) return opened.block;
    this.#head = opened.head;
    this.#schemaVersions.atLeast(opened.head.facts?.highestSchemaVersion);
    return undefined;
  }

  #batchLimits(atOnce: boolean): BatchLimits {
    return {
      bytesMax: this.#limits.bytesMax / 2 ** this.#shrink,
      recordsMax: this.#limits.recordsMax,
      ageMs: atOnce ? 0 : this.#limits.ageMs,
    };
  }

  #newFollower(): ChainFollower {
    return new ChainFollower(this.#deps.raw, this.#dataset.kafkaTopic, this.#deps.clock, 2 * this.#limits.bytesMax);
  }

  /** Looks for news: chains, entries, and, while something waits for a batch, commits of others. @returns the block when the table cannot be gone on with */
  async #look(atOnce: boolean): Promise<Block | undefined> {
    const before = this.#follower.size;
    await this.#follower.discover((source) => this.#locate(source), this.#buildStop.signal);
    await this.#follower.poll(this.#buildStop.signal, atOnce);
    if (this.#follower.size !== before) this.#deps.events.changed();
    const now = this.#deps.clock.monotonic();
    if (now < this.#tableLookAt || this.#follower.pending().every((pieces) => pieces.length === 0)) return undefined;
    this.#tableLookAt = now + tableLookMs;
    return this.#catchUp();
  }

  /** Takes in what others have committed since our head: with several workers on a dataset the slower one sees it here, before it builds anything. */
  async #catchUp(): Promise<Block | undefined> {
    const news = await readNews(this.#deps.table, this.#head.state, this.#under.name);
    if (news === undefined) return undefined;
    const block = this.#take('block' in news ? news : await headOf(this.#deps.table, this.#under, news.state));
    if (block !== undefined) return block;
    for (const partition of this.#head.ledger?.partitions ?? [])
      this.#follower.moveTo({ source: partition, position: partition.position, seq: partition.seq });
    this.#deps.events.changed();
    return undefined;
  }

  /** Where the table begins on a chain: its own position wins over every start (R6). */
  async #locate(source: SourcePartition): Promise<ChainPosition | undefined> {
    const key = sourceKey(source);
    const partition = this.#head.ledger?.partitions.find((known) => sourceKey(known) === key);
    if (partition !== undefined) {
      await this.#noteSkipped(source, partition.startOffset);
      return { source, position: partition.position, seq: partition.seq };
    }
    const start = await resolveTableStart(this.#deps, this.#dataset, source, this.#buildStop.signal);
    if (start === undefined) return undefined;
    this.#starts.set(key, { topic: start.topic, source, startOffset: start.startOffset, seq: start.seq });
    await this.#noteSkipped(source, start.startOffset);
    return { source, position: start.startOffset, seq: start.seq };
  }

  /** What `startFrom` latest leaves out is said. One GET a chain. */
  async #noteSkipped(source: SourcePartition, startOffset: bigint): Promise<void> {
    if (this.#dataset.startFrom !== 'latest') return;
    const first = await readEntry(this.#deps.raw, this.#dataset.kafkaTopic, source, 0n, this.#buildStop.signal);
    if (first === undefined || first.startOffset >= startOffset) this.#skipped.delete(sourceKey(source));
    else this.#skipped.set(sourceKey(source), { startOffset: first.startOffset, endOffset: startOffset });
  }

  /** @returns how the batch ended; undefined when it was not begun, because of a pause or an end */
  async #batch(pieces: PendingPiece[]): Promise<BatchEnding | undefined> {
    const bytes = pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
    const slot = await this.#deps.slots.acquire(bytes, this.#buildStop.signal);
    if (slot === undefined) return undefined;
    try {
      if (this.#dataset.paused) return undefined;
      this.#inBatch = true;
      const ending = await this.#runBatch(pieces, bytes);
      this.#inBatch = false;
      return ending;
    } finally {
      slot.release();
    }
  }

  async #runBatch(pieces: PendingPiece[], bytes: number): Promise<BatchEnding> {
    const { clock, events, log } = this.#deps;
    const dataset = this.#dataset;
    this.#under = dataset;
    await this.#writeConfig(dataset);
    const decided = this.#schemaVersions.decided(dataset);
    if (decided !== undefined) events.schemaVersion(decided);
    const began = clock.monotonic();
    const result = await runBatch(
      this.#deps,
      {
        dataset,
        head: this.#head,
        pieces,
        starts: this.#starts,
        limits: this.#limits,
        highestSchemaVersion: this.#schemaVersions.highest,
        floodWaived: this.#floodWaived,
      },
      this.#buildStop.signal,
      this.#commitStop.signal,
    );
    const { ending, schemaRecord } = result;
    if (schemaRecord !== undefined) events.schemaVersion(schemaRecord);
    if (ending.status === 'committed') this.#committed(pieces, ending, bytes, clock.monotonic() - began);
    else if (ending.status === 'blocked') {
      if (schemaRecord !== undefined) this.#schemaVersions.block(schemaRecord, dataset);
    } else {
      log.info({ dataset: dataset.name, ...ending }, 'the batch is dropped, another worker was faster or the table changed');
      events.dropped(dataset.name);
      this.#tableLookAt = 0;
    }
    return ending;
  }

  #committed(pieces: PendingPiece[], ending: Extract<BatchEnding, { status: 'committed' }>, bytes: number, ms: number): void {
    const before = ledgerTotals(this.#head.ledger?.partitions ?? []);
    const after = ledgerTotals(ending.head.ledger?.partitions ?? []);
    const records = after.committed - before.committed;
    this.#head = ending.head;
    this.#shrink = 0;
    this.#eager = false;
    this.#failedInBatch = false;
    this.#schemaVersions.atLeast(ending.head.facts?.highestSchemaVersion);
    this.#follower.taken(pieces);
    const { version, attemptId, head } = ending;
    this.#lastCommit = { version, at: new Date(this.#deps.clock.now()).toISOString(), records, attemptId };
    const [quarantined, dropped] = [after.quarantined - before.quarantined, after.dropped - before.dropped];
    this.#deps.events.committed({ dataset: this.#dataset.name, version, head, records, quarantined, dropped, bytes, ms });
    this.#hinder(undefined);
  }

  /** Design section 4: each configuration is in the table's folder before anything is made under it. */
  async #writeConfig(dataset: Dataset): Promise<void> {
    if (this.#configWritten === dataset.version) return;
    await this.#deps.table.put(tableConfigKey(dataset.id, dataset.version), new TextEncoder().encode(`${JSON.stringify(dataset)}\n`));
    this.#configWritten = dataset.version;
  }

  /** A person who resumed while the block was being found out is not asked again: it is evaluated once more, as that person said. */
  async #blockUntilResumed(block: Block): Promise<void> {
    const hindrance = { kind: 'blocked' as const, block, atResume: this.#under.resumeCount };
    if (this.#dataset.resumeCount <= hindrance.atResume) {
      this.#deps.log.warn(
        { dataset: this.#dataset.name, code: block.code, reason: block.reason },
        'the table leg is blocked and waits for a person',
      );
      this.#hinder(hindrance);
    }
    await this.#waitForPerson(hindrance);
    this.#eager = true;
  }

  /** Waits for a resume; meanwhile the landed end stays fresh, as far as there is room. */
  async #waitForPerson({ block, atResume }: Extract<Hindrance, { kind: 'blocked' }>): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#dataset.resumeCount <= atResume) {
      if (this.#follower.size > 0) await this.#follower.poll(this.#buildStop.signal).catch(() => undefined);
      await this.#sleep(idleMsMax);
    }
    if (block.code === 'flood') this.#floodWaived = true;
    if (this.#dataset.resumeCount > atResume) this.#hinder(undefined);
  }

  async #waitWhilePaused(): Promise<void> {
    this.#deps.events.changed();
    while (this.#dataset.paused && !this.#stopping.signal.aborted) await this.#sleep(idleMsMax);
  }

  #hinder(hindrance: Hindrance): void {
    this.#hindrance = hindrance;
    this.#deps.events.changed();
  }

  #shrinkAfter(error: unknown): void {
    if (isKind(error, 'unavailable') && error.fields.outOfMemory === true && this.#shrink < 10) this.#shrink++;
  }

  #sleep(ms: number): Promise<void> {
    return this.#wake.sleep(this.#deps.clock, ms);
  }
}
