import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import { tableConfigKey } from '@millrace/core/domain/keys.ts';
import type { SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import { type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import { type BatchLimits, type PendingPiece, planBatch } from '../plan/batches.ts';
import { ledgerTotals, type PartitionStart } from '../plan/ledger-sums.ts';
import { pieceBytes } from '../plan/pieces.ts';
import { type BatchDeps, type BatchResult, runBatch } from './batch-run.ts';
import type { BuildLimits } from './build-batch.ts';
import { ChainFollower, type ChainPosition } from './chain-follower.ts';
import { type Hindrance, hindranceOf, type LastCommit, reportOf } from './leg-status.ts';
import type { BatchSlots } from './slots.ts';
import { noTable, openTable, type TableHead } from './table-head.ts';
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
  #hindrance: Hindrance;
  #head: TableHead = noTable;
  #starts = new Map<string, PartitionStart>();
  #follower: ChainFollower;
  #lastCommit: LastCommit | null = null;
  #configWritten = 0;
  #highestSchemaVersion = 0;
  /** the blocked version told to the metastore, and how many decisions there were then */
  #blockedSchema: { record: SchemaVersionRecord; decisions: number } | undefined;
  /** a resume came after the flood check had stopped the table */
  #floodWaived = false;
  /** a batch did not end in a commit: its pieces have waited long enough */
  #eager = false;
  #inBatch = false;
  #failedInBatch = false;
  /** batches are cut to 1/2^shrink after a worker ran out of memory */
  #shrink = 0;

  constructor(deps: LegDeps, dataset: Dataset, limits: LegLimits) {
    this.#deps = deps;
    this.#dataset = dataset;
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
        const isStale = await this.#session();
        if (this.#stopping.signal.aborted && !isStale) return;
        retryMs = retryMsMin;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (this.#lastCommit !== committedBefore) retryMs = retryMsMin;
        this.#shrinkAfter(error);
        this.#failedInBatch = this.#inBatch;
        this.#inBatch = false;
        this.#deps.log.warn({ dataset: this.#dataset.name, err: error, retryMs }, 'the table leg failed and is tried again');
        this.#deps.events.failed(this.#dataset.name);
        this.#hinder(hindranceOf(error, this.#dataset));
        await this.#sleep(retryMs);
        retryMs = Math.min(retryMsMax, retryMs * 2);
        if (this.#hindrance?.kind === 'blocked') await this.#waitForPerson(this.#hindrance);
      }
    }
  }

  /**
   * From opening the table to the first thing that makes what we know of it stale, or to a person's wish, or to the end.
   * @returns true when the table changed under us and should be looked at again at once
   */
  async #session(): Promise<boolean> {
    if (this.#dataset.paused) return this.#waitWhilePaused();
    this.#follower = this.#newFollower();
    const opened = await openTable(this.#deps.table, this.#dataset);
    if ('block' in opened) return this.#blockUntilResumed({ kind: 'blocked', block: opened.block, atResume: this.#dataset.resumeCount });
    this.#head = opened.head;
    this.#highestSchemaVersion = Math.max(this.#highestSchemaVersion, opened.head.facts?.highestSchemaVersion ?? 0);
    for (;;) {
      if (this.#dataset.paused) return this.#waitWhilePaused();
      const stopping = this.#stopping.signal.aborted;
      await this.#look(stopping);
      // a failure in a batch is over when a batch is committed, any other when a look succeeds
      if (this.#hindrance?.kind === 'failed' && !this.#failedInBatch) this.#hinder(undefined);
      const now = this.#deps.clock.monotonic();
      const plan = planBatch(this.#follower.pending(), this.#batchLimits(stopping || this.#eager), now);
      if ('take' in plan) {
        this.#inBatch = true;
        this.#eager = true;
        const ended = await this.#batch(plan.take);
        this.#inBatch = false;
        if (ended !== 'committed') return ended === 'stale';
      } else if (!stopping)
        await this.#sleep(Math.min(idleMsMax, plan.waitMs ?? idleMsMax, Math.max(0, this.#follower.nextLookAt() - now)));
      if (stopping) return false;
    }
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

  async #look(atOnce: boolean): Promise<void> {
    const before = this.#follower.size;
    await this.#follower.discover((source) => this.#locate(source), this.#buildStop.signal);
    await this.#follower.poll(this.#buildStop.signal, atOnce);
    if (this.#follower.size !== before) this.#deps.events.changed();
  }

  /** Where the table begins on a chain: its own position wins over every start (R6). */
  async #locate(source: SourcePartition): Promise<ChainPosition | undefined> {
    const key = sourceKey(source);
    const partition = this.#head.ledger?.partitions.find((known) => sourceKey(known) === key);
    if (partition !== undefined) return { source, position: partition.position, seq: partition.seq };
    const start = await resolveTableStart(this.#deps, this.#dataset, source, this.#buildStop.signal);
    if (start === undefined) return undefined;
    this.#starts.set(key, { topic: start.topic, source, startOffset: start.startOffset, seq: start.seq });
    return { source, position: start.startOffset, seq: start.seq };
  }

  /** @returns `stale` when the table changed under us; `waited` when a person was waited for, or an end was asked for */
  async #batch(pieces: PendingPiece[]): Promise<'committed' | 'stale' | 'waited'> {
    const { clock, events, log } = this.#deps;
    const bytes = pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
    const slot = await this.#deps.slots.acquire(bytes, this.#buildStop.signal);
    if (slot === undefined) return 'waited';
    const dataset = this.#dataset;
    if (dataset.paused) {
      slot.release();
      return 'waited';
    }
    try {
      await this.#writeConfig(dataset);
      this.#supersedeDecided(dataset);
      const began = clock.monotonic();
      const before = ledgerTotals(this.#head.ledger?.partitions ?? []);
      const result = await runBatch(
        this.#deps,
        {
          dataset,
          head: this.#head,
          pieces,
          starts: this.#starts,
          limits: this.#limits,
          highestSchemaVersion: this.#highestSchemaVersion,
          floodWaived: this.#floodWaived,
        },
        this.#buildStop.signal,
        this.#commitStop.signal,
      );
      const { ending } = result;
      if (ending.status === 'committed') {
        this.#committed(pieces, result);
        const after = ledgerTotals(ending.head.ledger?.partitions ?? []);
        events.committed({
          dataset: dataset.name,
          version: ending.version,
          head: ending.head,
          records: after.committed - before.committed,
          quarantined: after.quarantined - before.quarantined,
          dropped: after.dropped - before.dropped,
          bytes,
          ms: clock.monotonic() - began,
        });
        return 'committed';
      }
      if (ending.status === 'blocked') {
        this.#rememberBlocked(result, dataset);
        await this.#blockUntilResumed({ kind: 'blocked', block: ending.block, atResume: dataset.resumeCount });
        return 'waited';
      }
      log.info({ dataset: dataset.name, ...ending }, 'the batch is dropped, another worker was faster or the table changed');
      events.dropped(dataset.name);
      return 'stale';
    } finally {
      slot.release();
    }
  }

  #committed(pieces: PendingPiece[], { ending, schemaRecord }: BatchResult): void {
    if (ending.status !== 'committed') return;
    const before = ledgerTotals(this.#head.ledger?.partitions ?? []).committed;
    this.#head = ending.head;
    this.#shrink = 0;
    this.#eager = false;
    this.#failedInBatch = false;
    this.#highestSchemaVersion = Math.max(this.#highestSchemaVersion, ending.head.facts?.highestSchemaVersion ?? 0);
    this.#follower.taken(pieces);
    this.#lastCommit = {
      version: ending.version,
      at: new Date(this.#deps.clock.now()).toISOString(),
      records: ledgerTotals(ending.head.ledger?.partitions ?? []).committed - before,
      attemptId: ending.attemptId,
    };
    if (schemaRecord !== undefined) this.#deps.events.schemaVersion(schemaRecord);
    this.#hinder(undefined);
  }

  #rememberBlocked({ schemaRecord }: BatchResult, dataset: Dataset): void {
    if (schemaRecord === undefined) return;
    this.#deps.events.schemaVersion(schemaRecord);
    this.#blockedSchema = { record: schemaRecord, decisions: dataset.decisions.length };
  }

  /** Once a person has decided on a blocked version its number is not given again: the next commit writes that into the table. */
  #supersedeDecided(dataset: Dataset): void {
    if (this.#blockedSchema === undefined || dataset.decisions.length <= this.#blockedSchema.decisions) return;
    const { record } = this.#blockedSchema;
    this.#blockedSchema = undefined;
    this.#highestSchemaVersion = Math.max(this.#highestSchemaVersion, record.version);
    this.#deps.events.schemaVersion({
      ...record,
      state: 'SUPERSEDED',
      reason: `decided: the offending records of this block are quarantined (decision ${dataset.decisions.at(-1)?.id})`,
    });
  }

  /** Design section 4: each configuration is in the table's folder before anything is made under it. */
  async #writeConfig(dataset: Dataset): Promise<void> {
    if (this.#configWritten === dataset.version) return;
    await this.#deps.table.put(tableConfigKey(dataset.id, dataset.version), new TextEncoder().encode(`${JSON.stringify(dataset)}\n`));
    this.#configWritten = dataset.version;
  }

  async #blockUntilResumed(hindrance: Extract<Hindrance, { kind: 'blocked' }>): Promise<false> {
    this.#deps.log.warn(
      { dataset: this.#dataset.name, code: hindrance.block.code, reason: hindrance.block.reason },
      'the table leg is blocked and waits for a person',
    );
    this.#hinder(hindrance);
    await this.#waitForPerson(hindrance);
    return false;
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

  async #waitWhilePaused(): Promise<false> {
    this.#deps.events.changed();
    while (this.#dataset.paused && !this.#stopping.signal.aborted) await this.#sleep(idleMsMax);
    return false;
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
