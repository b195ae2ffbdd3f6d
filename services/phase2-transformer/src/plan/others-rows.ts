import type { AddFile } from '@millrace/core/delta/actions.ts';
import type { DeltaCommit } from '@millrace/core/delta/snapshot.ts';
import { isOurs } from './settle.ts';

/** `numRecords` of a data file: the first member we and other engines write. 0 when there are no statistics. Pure. */
export function numRecordsOf(add: AddFile): bigint {
  const match = /"numRecords"\s*:\s*(\d+)/.exec(add.stats ?? '');
  return BigInt(match?.[1] ?? 0);
}

/**
 * How many rows of a table others have written, file by file, learned from its commits in order: rows of theirs must not stand for rows of ours that are gone.
 * A rewrite (OPTIMIZE, UPDATE) hands on what it took; a file that comes back after its removal holds what it held. Where others rewrite a file and leave rows out,
 * theirs count as kept: then ours are missed, and a person is asked. Memory grows with what others did, not with the table.
 */
export class OthersRows {
  readonly #live = new Map<string, bigint>();
  readonly #removed = new Map<string, bigint>();

  /** Rows of others in a live file. */
  of(path: string): bigint {
    return this.#live.get(path) ?? 0n;
  }

  /** Takes the next commit in. */
  take(commit: DeltaCommit): void {
    if (isOurs(commit)) return;
    const adds = commit.actions.flatMap((action) => ('add' in action ? [action.add] : []));
    const removes = commit.actions.flatMap((action) => ('remove' in action ? [action.remove.path] : []));
    let handedOn = 0n;
    for (const path of removes) {
      handedOn += this.of(path);
      this.#removed.set(path, this.of(path));
      this.#live.delete(path);
    }
    for (const add of adds) {
      const came = this.#removed.get(add.path) ?? (removes.length > 0 ? smaller(handedOn, numRecordsOf(add)) : appended(add));
      if (!this.#removed.has(add.path)) handedOn -= smaller(handedOn, came);
      if (came > 0n) this.#live.set(add.path, came);
    }
  }
}

const appended = (add: AddFile) => (add.dataChange ? numRecordsOf(add) : 0n);
const smaller = (a: bigint, b: bigint) => (a < b ? a : b);
