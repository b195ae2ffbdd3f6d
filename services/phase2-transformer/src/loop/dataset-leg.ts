import type { Announcement } from '@millrace/core/domain/announcement.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { tableConfigKey } from '@millrace/core/domain/keys.ts';
import type { TableReport } from '@millrace/core/domain/reports.ts';
import { type BatchLimits, type PendingPiece, planBatch } from '../plan/batches.ts';
import type { Block } from '../plan/block.ts';
import { commitCounts } from '../plan/commit-facts.ts';
import { pieceBytes } from '../plan/pieces.ts';
import { runBatch } from './batch-run.ts';
import { BatchTries } from './batch-tries.ts';
import { SchemaVersions } from './blocked-schema.ts';
import { ChainFollower } from './chain-follower.ts';
import type { BatchEnding } from './commit-batch.ts';
import type { LegDeps, LegLimits } from './leg-deps.ts';
import { LegLag, type TableLag } from './leg-lag.ts';
import { type Hindrance, hindranceOf, type LastCommit, reportOf } from './leg-status.ts';
import { LegStop } from './leg-stop.ts';
import { lookAgain, stopSource, stopsWords } from './source-stop.ts';
import { headOf, noTable, openTable, readNews, type TableHead } from './table-head.ts';
import { TableStarts } from './table-starts.ts';
import { Wake } from './wake.ts';

/** Pause before work is tried again after a failure, ms: doubled from the first up to the last. */
const retryMsMin = 500;
const retryMsMax = 10_000;
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
  readonly #stop: LegStop;
  #dataset: Dataset;
  /** the dataset as it was when the present step began: what a step finds out is true of it, not of a newer one that came meanwhile */
  #under: Dataset;
  #hindrance: Hindrance;
  #head: TableHead = noTable;
  readonly #starts: TableStarts;
  #follower: ChainFollower;
  readonly #lag = new LegLag();
  #lastCommit: LastCommit | null = null;
  #configWritten = 0;
  readonly #schemaVersions = new SchemaVersions();
  /** a resume came after the flood check had stopped the table */
  #floodWaived = false;
  readonly #tries = new BatchTries();
  /** monotonic ms of the next look at the table */
  #tableLookAt = 0;

  constructor(deps: LegDeps, dataset: Dataset, limits: LegLimits) {
    this.#deps = deps;
    this.#stop = new LegStop(deps.clock);
    this.#dataset = dataset;
    this.#under = dataset;
    this.#limits = limits;
    this.#starts = new TableStarts(deps);
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
        starts: this.#starts.starts,
        skipped: this.#starts.skipped,
        stopped: stopsWords(this.#follower.stops()),
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

  /** How far the table is behind, for metrics. */
  lag(partitions: TableReport['partitions']): TableLag {
    return this.#lag.at(partitions, this.#deps.clock.now());
  }

  /** An entry of the topic was announced: it is looked for at once. */
  announced(news: Announcement): void {
    this.#lag.announced(news);
    if (this.#follower.announced(news, news.seq)) this.#wake.up();
  }

  /** Whether nothing of the announced entry waits here for a batch, or it waits for a person. */
  isDoneWith(news: Announcement): boolean {
    return this.#dataset.paused || this.#hindrance?.kind === 'blocked' || (this.#follower.hasTaken(news, news.endOffset) ?? false);
  }

  /**
   * Asks the leg to end. `finish`: what has landed is committed when that is done in time, else dropped; `drop`: only what is being committed already is.
   */
  stop(how: 'finish' | 'drop' = 'finish'): void {
    if (this.#stop.ask(how)) this.#wake.up();
  }

  /** Works until `stop`. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#untilStopped();
    } finally {
      this.#stop.ended();
    }
  }

  async #untilStopped(): Promise<void> {
    let retryMs = retryMsMin;
    while (!this.#stop.build.aborted) {
      const committedBefore = this.#lastCommit;
      try {
        await this.#session();
        if (this.#stop.isAsked) return;
        retryMs = retryMsMin;
      } catch (error) {
        if (this.#stop.isAsked) return;
        if (this.#lastCommit !== committedBefore) retryMs = retryMsMin;
        const poison = this.#tries.fail(error, this.#dataset.name);
        this.#deps.log.warn({ dataset: this.#dataset.name, err: error, retryMs }, 'the table leg failed and is tried again');
        this.#deps.events.failed(this.#dataset.name);
        const { resumeCount: atResume } = this.#under;
        this.#hinder(poison === undefined ? hindranceOf(error, this.#under) : { kind: 'blocked', block: poison, atResume });
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
    const block = this.#take(await openTable(this.#deps, this.#under));
    if (block !== undefined) return this.#blockUntilResumed(block);
    for (;;) {
      if (this.#dataset.paused) return this.#waitWhilePaused();
      this.#under = this.#dataset;
      const stopping = this.#stop.isAsked;
      const overtaken = await this.#look(stopping);
      if (overtaken !== undefined) return this.#blockUntilResumed(overtaken);
      // a failure in a batch is over when a batch is committed, or when another worker has committed all that waited; any other when a look succeeds
      if (this.#hindrance?.kind === 'failed' && (!this.#tries.hasFailed || this.#hasNothingWaiting())) this.#hinder(undefined);
      const now = this.#deps.clock.monotonic();
      const plan = planBatch(this.#follower.pending(), this.#batchLimits(stopping || this.#tries.isEager), now);
      if ('take' in plan) {
        const ending = await this.#batch(plan.take);
        if (ending?.status === 'blocked') return this.#blockUntilResumed(ending.block);
        // overtaken at the last moment: what is left is looked at once more
        if (ending?.status !== 'committed' && !this.#stop.build.aborted) continue;
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
    return this.#tries.limits({ ...this.#limits, ageMs: atOnce ? 0 : this.#limits.ageMs });
  }

  #newFollower(): ChainFollower {
    const { bytesMax, slowPollMs } = this.#limits;
    return new ChainFollower(this.#deps.raw, this.#dataset.kafkaTopic, this.#deps.clock, 2 * bytesMax, slowPollMs);
  }

  /** Looks for news: chains, entries, and, while something waits for a batch, commits of others. @returns the block when the table cannot be gone on with */
  async #look(atOnce: boolean): Promise<Block | undefined> {
    const before = this.#follower.size;
    const signal = this.#stop.build;
    await lookAgain(this.#follower, this.#deps.raw, this.#deps.clock.monotonic(), signal);
    await this.#follower.discover((source) => this.#starts.locate(this.#dataset, this.#head, source, signal), signal);
    await this.#follower.poll(signal, atOnce);
    this.#lag.looked(this.#follower);
    if (this.#follower.size !== before) this.#deps.events.changed();
    const now = this.#deps.clock.monotonic();
    if (now < this.#tableLookAt || this.#hasNothingWaiting()) return undefined;
    this.#tableLookAt = now + tableLookMs;
    return this.#catchUp();
  }

  #hasNothingWaiting(): boolean {
    return this.#follower.pending().every((pieces) => pieces.length === 0);
  }

  /** Takes in what others have committed since our head: with several workers on a dataset the slower one sees it here, before it builds anything. */
  async #catchUp(): Promise<Block | undefined> {
    const news = await readNews(this.#deps.table, this.#head.state, this.#under.name);
    if (news === undefined) return undefined;
    const block = this.#take('block' in news ? news : await headOf(this.#deps, this.#under, news.state));
    if (block !== undefined) return block;
    for (const partition of this.#head.ledger?.partitions ?? [])
      this.#follower.moveTo({ source: partition, position: partition.position, seq: partition.seq });
    this.#deps.events.changed();
    return undefined;
  }

  /** @returns how the batch ended; undefined when it was not begun, because of a pause or an end, or when a damaged raw object stopped one of its sources */
  async #batch(pieces: PendingPiece[]): Promise<BatchEnding | undefined> {
    const bytes = pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
    const slot = await this.#deps.slots.acquire(bytes, this.#stop.build);
    if (slot === undefined) return undefined;
    try {
      if (this.#dataset.paused) return undefined;
      this.#tries.begin(pieces);
      const ending = await this.#runBatch(pieces, bytes).catch((error) => this.#stopSource(error, pieces));
      this.#tries.end();
      return ending;
    } finally {
      slot.release();
    }
  }

  #stopSource(error: unknown, pieces: PendingPiece[]): undefined {
    const { clock, log, events } = this.#deps;
    const stop = stopSource(error, pieces, this.#follower, clock.monotonic());
    if (stop === undefined) throw error;
    log.error({ dataset: this.#dataset.name, err: error }, stop.reason);
    events.failed(this.#dataset.name);
    events.changed();
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
        starts: this.#starts.starts,
        limits: this.#limits,
        highestSchemaVersion: this.#schemaVersions.highest,
        floodWaived: this.#floodWaived,
      },
      this.#stop.build,
      this.#stop.commit,
    );
    const { ending, schemaRecord } = result;
    if (schemaRecord !== undefined) events.schemaVersion(schemaRecord);
    if (ending.status === 'committed')
      this.#committed(pieces, ending, { bytes, fileBytes: result.fileBytes, ms: clock.monotonic() - began });
    else if (ending.status === 'blocked') {
      if (schemaRecord !== undefined) this.#schemaVersions.block(schemaRecord, dataset);
    } else {
      log.info({ dataset: dataset.name, ...ending }, 'the batch is dropped, another worker was faster or the table changed');
      events.dropped(dataset.name);
      this.#tableLookAt = 0;
    }
    return ending;
  }

  #committed(
    pieces: PendingPiece[],
    ending: Extract<BatchEnding, { status: 'committed' }>,
    { bytes, fileBytes, ms }: { bytes: number; fileBytes: number; ms: number },
  ): void {
    const counts = commitCounts(this.#head.ledger?.partitions ?? [], ending.head.ledger?.partitions ?? [], pieces);
    this.#head = ending.head;
    this.#tries.committed();
    this.#schemaVersions.atLeast(ending.head.facts?.highestSchemaVersion);
    this.#follower.taken(pieces);
    const { version, attemptId, head } = ending;
    const at = this.#deps.clock.now();
    this.#lastCommit = { version, at: new Date(at).toISOString(), records: counts.committed, attemptId };
    this.#deps.events.committed({ ...counts, dataset: this.#dataset.name, version, attemptId, head, pieces, bytes, fileBytes, ms, at });
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
    this.#tries.hurry();
  }

  /** Waits for a resume; meanwhile the landed end stays fresh, as far as there is room. */
  async #waitForPerson({ block, atResume }: Extract<Hindrance, { kind: 'blocked' }>): Promise<void> {
    while (!this.#stop.isAsked && this.#dataset.resumeCount <= atResume) {
      if (this.#follower.size > 0) await this.#follower.poll(this.#stop.build).catch(() => undefined);
      await this.#sleep(idleMsMax);
    }
    if (block.code === 'flood') this.#floodWaived = true;
    if (this.#dataset.resumeCount > atResume) this.#hinder(undefined);
  }

  async #waitWhilePaused(): Promise<void> {
    this.#deps.events.changed();
    while (this.#dataset.paused && !this.#stop.isAsked) await this.#sleep(idleMsMax);
  }

  #hinder(hindrance: Hindrance): void {
    this.#hindrance = hindrance;
    this.#deps.events.changed();
  }

  #sleep(ms: number): Promise<void> {
    return this.#wake.sleep(this.#deps.clock, ms);
  }
}
