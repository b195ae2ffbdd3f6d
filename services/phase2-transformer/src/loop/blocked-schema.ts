import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { SchemaVersionRecord } from '@millrace/core/domain/reports.ts';

/**
 * Numbers of schema versions, and the one that is blocked. A blocked version keeps its number while it is looked at again and again;
 * once a person has decided on it the number is used up, and the next commit writes that into the table.
 */
export class SchemaVersions {
  /** highest number used up */
  highest = 0;
  #blocked: { record: SchemaVersionRecord; decisions: number } | undefined;

  /** What the table says. */
  atLeast(version: number | undefined): void {
    this.highest = Math.max(this.highest, version ?? 0);
  }

  block(record: SchemaVersionRecord, dataset: Dataset): void {
    this.#blocked = { record, decisions: dataset.decisions.length };
  }

  /** The blocked version as it is to be told when the dataset carries a decision on it; undefined when there is nothing to tell. */
  decided(dataset: Dataset): SchemaVersionRecord | undefined {
    if (this.#blocked === undefined || dataset.decisions.length <= this.#blocked.decisions) return undefined;
    const { record } = this.#blocked;
    this.#blocked = undefined;
    this.atLeast(record.version);
    const reason = `decided: the offending records of this block are quarantined (decision ${dataset.decisions.at(-1)?.id})`;
    return { ...record, state: 'SUPERSEDED', reason };
  }
}
