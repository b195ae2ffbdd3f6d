import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import type { SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import { mapBounded } from '@millrace/core/work/map-bounded.ts';

/** Schema versions waiting for a metastore that is away; the oldest give way. */
const waitingMax = 1000;
/** Reports under way at a time. */
const reportsAtOnce = 4;
/** An unchanged report is repeated after this, ms, so that it does not look stale. */
const repeatMs = 10_000;

/** A dataset made again under the same name is another one: what is told goes by the id. */
type NamedDataset = Pick<Dataset, 'id' | 'name'>;

/**
 * Tells the metastore what tables say. It is a mirror: a report that is lost costs freshness of a page, so failures are remembered and repeated, never waited for.
 */
export class Reporter {
  readonly #metastore: Metastore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sent = new Map<string, { text: string; at: number }>();
  #waiting: { dataset: NamedDataset; record: SchemaVersionRecord }[] = [];

  constructor(metastore: Metastore, clock: Clock, log: Logger) {
    this.#metastore = metastore;
    this.#clock = clock;
    this.#log = log;
  }

  /** Queues a schema version; they arrive in order. */
  schemaVersion(dataset: NamedDataset, record: SchemaVersionRecord): void {
    this.#waiting.push({ dataset, record });
    if (this.#waiting.length > waitingMax) this.#waiting.shift();
  }

  /** Sends what is new. Never rejects. Calls must not overlap. */
  async send(reports: readonly { report: TableReport; touched: boolean }[]): Promise<void> {
    await this.#sendSchemaVersions();
    await mapBounded(reports, reportsAtOnce, ({ report, touched }) => this.#sendReport(report, touched));
  }

  /** The dataset was deleted: there is nobody to tell of it. */
  forget(datasetId: string): void {
    this.#sent.delete(datasetId);
    this.#waiting = this.#waiting.filter(({ dataset }) => dataset.id !== datasetId);
  }

  async #sendSchemaVersions(): Promise<void> {
    while (this.#waiting.length > 0) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      try {
        await this.#metastore.putSchemaVersion(first.dataset, first.record);
      } catch (error) {
        if (isKind(error, 'unavailable')) return;
        this.#log.warn(
          { dataset: first.dataset.name, version: first.record.version, err: error },
          'the metastore refuses a schema version',
        );
      }
      if (this.#waiting[0] === first) this.#waiting.shift();
    }
  }

  async #sendReport(report: TableReport, touched: boolean): Promise<void> {
    const text = JSON.stringify(report, (_key, value) => (typeof value === 'bigint' ? value.toString() : value));
    const sent = this.#sent.get(report.datasetId);
    const now = this.#clock.monotonic();
    if (!touched && sent !== undefined && sent.text === text && now - sent.at < repeatMs) return;
    try {
      await this.#metastore.reportTable(report);
      this.#sent.set(report.datasetId, { text, at: now });
    } catch (error) {
      this.#sent.delete(report.datasetId);
      this.#log.debug({ datasetId: report.datasetId, err: error }, 'the report did not arrive and will be sent again');
    }
  }
}
