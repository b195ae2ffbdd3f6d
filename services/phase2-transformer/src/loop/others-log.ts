import { hash } from 'node:crypto';
import { parseCommit } from '@millrace/core/delta/actions.ts';
import type { TableState } from '@millrace/core/delta/snapshot.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { OthersRows } from '../plan/others-rows.ts';

/**
 * What others have written into one table, kept from one look to the next: each commit of its log is read once, however often it is asked.
 * Belongs to whoever works on that table. Not for two questions at a time.
 */
export class OthersLog {
  #rows = new OthersRows();
  /** newest commit taken in, and the SHA-256 of its bytes: a log that has another one there is another log */
  #taken: { version: bigint; sha256: string } | undefined;

  /** Rows of others at `state`, as far back as the log's commits were there when it was first asked. Errors as of reading a log. */
  async at(table: ObjectStore, state: TableState): Promise<OthersRows> {
    if (!(await this.#goesOn(table, state))) {
      this.#rows = new OthersRows();
      this.#taken = undefined;
    }
    const before = this.#taken?.version ?? ((await table.head(deltaCommitKey(0n))) === undefined ? state.checkpointVersion : -1n);
    for (let version = before + 1n; version <= state.version; version++) {
      const key = deltaCommitKey(version);
      const bytes = await table.get(key);
      if (bytes === undefined) break;
      this.#rows.take({ version, actions: parseCommit(bytes, `${table.url}/${key}`) });
      this.#taken = { version, sha256: hash('sha256', bytes) };
    }
    return this.#rows;
  }

  /** One GET. */
  async #goesOn(table: ObjectStore, state: TableState): Promise<boolean> {
    if (this.#taken === undefined || this.#taken.version > state.version) return false;
    const bytes = await table.get(deltaCommitKey(this.#taken.version));
    return bytes !== undefined && hash('sha256', bytes) === this.#taken.sha256;
  }
}
