import { type DeltaAction, type DeltaMetadata, encodeCommit, parseCommit } from '@millrace/core/delta/actions.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import type { Prng } from '../engine/prng.ts';
import { encodeRows, type RowName } from './compute.ts';
import { foreignPrefix, type TableWatch } from './table-watch.ts';

/** Property by which readers would forget positions (R5). */
const retentionProperty = 'delta.setTransactionRetentionDuration';

/** What other engines do to a table of ours. Each commits at one moment and never loses a race: those it wins are won from us. */
export const foreignDeeds = ['append', 'optimize', 'delete', 'property', 'retention'] as const;
export type ForeignDeed = (typeof foreignDeeds)[number];

/** Another engine with the same table. It knows Delta and nothing of Millrace. */
export class ForeignEngine {
  readonly #name: string;
  readonly #objects: ReadonlyMap<string, Uint8Array>;
  readonly #put: (key: string, body: Uint8Array) => void;
  readonly #watch: TableWatch;
  readonly #prng: Prng;
  #files = 0;
  /** what a person can put back: files of a DELETE */
  #deleted: { path: string; rows: RowName[]; size: number }[] = [];
  #retention = false;

  constructor(
    name: string,
    objects: ReadonlyMap<string, Uint8Array>,
    put: (key: string, body: Uint8Array) => void,
    watch: TableWatch,
    prng: Prng,
  ) {
    this.#name = name;
    this.#objects = objects;
    this.#put = put;
    this.#watch = watch;
    this.#prng = prng;
  }

  /** @returns whether there was anything to do it to */
  do(deed: ForeignDeed, now: number): boolean {
    if (this.#watch.version < 0n) return false;
    switch (deed) {
      case 'append':
        this.#commit('WRITE', [this.#file(this.#foreignRows(), true, now)], now);
        return true;
      case 'optimize':
        return this.#optimize(now);
      case 'delete':
        return this.#delete(now);
      case 'property':
        this.#commit('SET TBLPROPERTIES', [{ metaData: this.#metadata({ owner: `person ${this.#prng.int(0, 1000)}` }) }], now);
        return true;
      case 'retention':
        if (this.#retention) return false;
        this.#retention = true;
        this.#commit('SET TBLPROPERTIES', [{ metaData: this.#metadata({ [retentionProperty]: 'interval 7 days' }) }], now);
        return true;
    }
  }

  /** A person puts everything right again that stopped us. */
  repair(now: number): void {
    const adds = this.#deleted.map(({ path, rows, size }) => ({ add: addFile(path, rows.length, size, true, now) }));
    this.#deleted = [];
    if (adds.length > 0) this.#commit('RESTORE', adds, now);
    if (!this.#retention) return;
    this.#retention = false;
    const metadata = this.#metadata({});
    delete metadata.configuration[retentionProperty];
    this.#commit('UNSET TBLPROPERTIES', [{ metaData: metadata }], now);
  }

  #optimize(now: number): boolean {
    const paths = [...this.#watch.live.keys()];
    if (paths.length < 2) return false;
    const from = this.#prng.int(0, paths.length - 1);
    const chosen = paths.slice(from, from + this.#prng.int(2, 4));
    const rows = chosen.flatMap((path) => this.#watch.live.get(path)?.rows ?? []);
    this.#commit('OPTIMIZE', [...chosen.map((path) => remove(path, false, now)), this.#file(rows, false, now)], now);
    return true;
  }

  #delete(now: number): boolean {
    const paths = [...this.#watch.live.keys()];
    if (paths.length === 0) return false;
    const path = this.#prng.pick(paths);
    const file = this.#watch.live.get(path);
    this.#deleted.push({ path, rows: file?.rows ?? [], size: file?.add.size ?? 0 });
    this.#commit('DELETE', [remove(path, true, now)], now);
    return true;
  }

  #foreignRows(): RowName[] {
    return Array.from({ length: this.#prng.int(1, 6) }, () => `${foreignPrefix}${this.#files++}`);
  }

  #file(rows: readonly RowName[], dataChange: boolean, now: number): DeltaAction {
    const path = `other-${this.#files++}.parquet`;
    const bytes = encodeRows(rows);
    this.#put(`${this.#name}/${path}`, bytes);
    return { add: addFile(path, rows.length, bytes.byteLength, dataChange, now) };
  }

  #metadata(more: Record<string, string>): DeltaMetadata {
    let metadata: DeltaMetadata | undefined;
    for (let version = this.#watch.version; version >= 0n && metadata === undefined; version--)
      for (const action of parseCommit(this.#objects.get(`${this.#name}/${deltaCommitKey(version)}`) ?? new Uint8Array(), 'commit'))
        if ('metaData' in action) metadata = action.metaData;
    if (metadata === undefined) throw new Error('the log has no metaData');
    return { ...metadata, configuration: { ...metadata.configuration, ...more } };
  }

  #commit(operation: string, actions: readonly DeltaAction[], now: number): void {
    const body = encodeCommit([{ commitInfo: { timestamp: now, operation, engineInfo: 'another engine' } }, ...actions]);
    this.#put(`${this.#name}/${deltaCommitKey(this.#watch.version + 1n)}`, body);
  }
}

const remove = (path: string, dataChange: boolean, now: number): DeltaAction => ({ remove: { path, deletionTimestamp: now, dataChange } });

const addFile = (path: string, numRecords: number, size: number, dataChange: boolean, now: number) => ({
  path,
  partitionValues: {},
  size,
  modificationTime: now,
  dataChange,
  stats: JSON.stringify({ numRecords }),
});
