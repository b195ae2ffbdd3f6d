import { zstdDecompressSync } from 'node:zlib';
import { type AddFile, type DeltaAction, parseCommit } from '@millrace/core/delta/actions.ts';
import { parseStored } from '@millrace/core/domain/chain.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { ledgerKey, tableStartKey } from '@millrace/core/domain/keys.ts';
import {
  type Ledger,
  ledgerFormat,
  ledger as ledgerSchema,
  type PartitionLedger,
  quarantineSegment,
  tableStart,
} from '@millrace/core/domain/ledger.ts';
import { ledgerAppId, positionAppId, type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import { recordFates, type SimChain, type SimTopic } from './chains.ts';
import { decodeRows, type RowName, rowName } from './compute.ts';
import { emptyRecount, type Recount, recountOn, recountText } from './recount.ts';

type Objects = ReadonlyMap<string, Uint8Array>;

/** Objects that nobody may ever change. */
const immutable = /\.parquet$|\/_delta_log\/\d{20}\.json$|\/_millrace\/(ledger|start|quarantine)\//;

/** Rows of others in the table: they are no business of the law. */
export const foreignPrefix = 'foreign';

/**
 * Holds the laws against one table, at every write that reaches the store and so at every version: it knows what is true of every offset and keeps its own count.
 * `broken` collects what did not hold, in words.
 */
export class TableWatch {
  readonly broken: string[] = [];
  /** offsets whose place in the table was compared with the truth */
  compared = 0;
  version = -1n;
  /** commits of Millrace */
  commits = 0;
  /** live data files by path, with their rows */
  readonly live = new Map<string, { add: AddFile; rows: RowName[] }>();
  /** paths that some commit has named */
  readonly named = new Set<string>();
  #ledger: Ledger | undefined;
  readonly #attempts = new Map<bigint, string>();
  readonly #recounts = new Map<string, Recount>();
  readonly #liveRows = new Set<RowName>();
  readonly #removedRows = new Set<RowName>();
  readonly #root: string;
  readonly #tables: Objects;
  readonly #rawObject: (key: string) => Uint8Array | undefined;
  readonly #topic: SimTopic;

  constructor(name: string, tables: Objects, rawObject: (key: string) => Uint8Array | undefined, topic: SimTopic) {
    this.#root = `${name}/`;
    this.#tables = tables;
    this.#rawObject = rawObject;
    this.#topic = topic;
  }

  /** Next offset of a chain in the table; before the first commit where the table begins, if that is resolved. */
  positionOf(chain: SimChain): bigint {
    return this.#recounts.get(chain.key)?.position ?? this.#startOf(chain) ?? chain.startOffset;
  }

  #startOf(source: SourcePartition): bigint | undefined {
    const bytes = this.#tables.get(this.#root + tableStartKey(source));
    return bytes === undefined ? undefined : parseStored(tableStart, bytes, 'start', ledgerFormat).startOffset;
  }

  get ledger(): Ledger | undefined {
    return this.#ledger;
  }

  /** True when everything that landed is in the table, or before its start. */
  get isCaughtUp(): boolean {
    return this.#topic.chains.every((chain) => chain.truth.length === 0 || this.positionOf(chain) === chain.endOffset);
  }

  /** Rows that others have taken out of the table. */
  get removed(): number {
    return this.#removedRows.size;
  }

  /** Every file that the table names must still be there: looked at when nobody is at work any more. */
  checkFiles(): void {
    for (const path of this.live.keys())
      if (!this.#tables.has(this.#root + decodeURIComponent(path))) this.#break(`data file ${path} is named and not there any more`);
  }

  onWrite(key: string, body: Uint8Array, before: Uint8Array | undefined): void {
    if (!key.startsWith(this.#root)) return;
    if (before !== undefined && immutable.test(key) && !Buffer.from(before).equals(body))
      this.#break(`${key} was written over with other bytes`);
    const commit = /^_delta_log\/(\d{20})\.json$/.exec(key.slice(this.#root.length));
    if (commit === null || before !== undefined) return;
    const version = BigInt(commit[1] ?? '');
    if (version !== this.version + 1n) this.#break(`version ${version} was written when the log ended at ${this.version}`);
    this.version = version;
    try {
      this.#commit(version, parseCommit(body, key));
    } catch (error) {
      // what is thrown here would look to the worker like the store's answer
      this.#break(`version ${version} cannot be judged: ${describeError(error)}`);
    }
  }

  #commit(version: bigint, actions: readonly DeltaAction[]): void {
    const txns = new Map(actions.flatMap((action) => ('txn' in action ? [[action.txn.appId, action.txn.version] as const] : [])));
    const ledgerId = txns.get(ledgerAppId);
    if (ledgerId === undefined) this.#foreign(actions);
    else this.#own(version, ledgerId, txns, actions);
  }

  /** A worker was told that its commit is there. */
  acknowledged(version: bigint, attemptId: string): void {
    if (this.#attempts.get(version) !== attemptId)
      this.#break(
        `version ${version} was acknowledged to attempt ${attemptId}, the log has ${this.#attempts.get(version) ?? 'none'} there`,
      );
  }

  #foreign(actions: readonly DeltaAction[]): void {
    for (const action of actions) {
      if ('remove' in action) {
        for (const row of this.live.get(action.remove.path)?.rows ?? []) {
          this.#liveRows.delete(row);
          if (!row.startsWith(foreignPrefix)) this.#removedRows.add(row);
        }
        this.live.delete(action.remove.path);
      }
    }
    for (const add of addsOf(actions))
      for (const row of this.#add(add)) {
        if (this.#liveRows.has(row)) this.#break(`row ${row} is in the table twice, in ${add.path} of others`);
        this.#liveRows.add(row);
        this.#removedRows.delete(row);
      }
  }

  #own(version: bigint, ledgerId: bigint, txns: ReadonlyMap<string, bigint>, actions: readonly DeltaAction[]): void {
    const where = `version ${version}`;
    this.commits++;
    const info = actions.find((action) => 'commitInfo' in action);
    this.#attempts.set(version, info?.commitInfo.txnId ?? '');
    if (this.#removedRows.size > 0)
      this.#break(`${where} stands over a table that ${this.#removedRows.size} rows were removed from by others`);
    const bytes = this.#tables.get(this.#root + ledgerKey(ledgerId));
    if (bytes === undefined) return void this.#break(`${where} names ledger ${ledgerId}, which is not there`);
    const ledger = parseStored(ledgerSchema, bytes, `ledger ${ledgerId}`, ledgerFormat);
    if (ledger.id !== ledgerId) this.#break(`${where}: ledger ${ledgerId} says it is ${ledger.id}`);
    if (ledger.attemptId !== info?.commitInfo.txnId)
      this.#break(`${where}: the ledger is of attempt ${ledger.attemptId}, the commit of ${info?.commitInfo.txnId}`);
    if (ledger.previousId !== (this.#ledger?.id ?? null))
      this.#break(`${where} was planned over ledger ${ledger.previousId}, the head is ${this.#ledger?.id ?? null}`);
    const rows = new Set<RowName>();
    const quarantined = new Map<RowName, string>();
    for (const partition of ledger.partitions) this.#partition(where, partition, txns, rows, quarantined);
    this.#unmoved(where, ledger, txns);
    for (const add of addsOf(actions))
      for (const row of this.#add(add)) {
        if (!rows.delete(row))
          this.#break(`${where}: row ${row} in ${add.path} is ${this.#liveRows.has(row) ? 'in the table already' : 'none of this batch'}`);
        this.#liveRows.add(row);
      }
    for (const row of rows) this.#break(`${where}: the position moved past ${row}, which is in no data file`);
    this.#quarantine(where, ledger, quarantined);
    this.#ledger = ledger;
  }

  /** Moves the watch's own count of one partition and compares: the law of the ledger, and what the batch must have brought. */
  #partition(
    where: string,
    partition: PartitionLedger,
    txns: ReadonlyMap<string, bigint>,
    rows: Set<RowName>,
    quarantined: Map<RowName, string>,
  ): void {
    const key = sourceKey(partition);
    const chain = this.#topic.chainOf(key);
    if (chain === undefined) return void this.#break(`${where}: ledger partition ${key} has no chain`);
    const before = this.#recounts.get(key) ?? emptyRecount(partition.startOffset);
    const txn = txns.get(positionAppId(partition));
    if (partition.position < before.position)
      return void this.#break(`${where}: ${key} falls from ${before.position} to ${partition.position}`);
    if (partition.position > chain.endOffset)
      return void this.#break(`${where}: ${key} is at ${partition.position}, landed is ${chain.endOffset}`);
    if (txn !== undefined && txn !== partition.position)
      this.#break(`${where}: txn of ${key} is ${txn}, the ledger says ${partition.position}`);
    if (txn === undefined && partition.position !== before.position)
      this.#break(`${where}: the ledger moves ${key} to ${partition.position}, no txn does`);
    if (!this.#recounts.has(key)) this.#start(where, partition, chain);
    const { after, records } = recountOn(chain, before, partition.position);
    for (const { offset, kind } of records) {
      const fate = recordFates[kind];
      const name = rowName(key, offset);
      if ('row' in fate) rows.add(name);
      else if ('quarantine' in fate) quarantined.set(name, fate.quarantine);
    }
    this.compared += Number(partition.position - before.position);
    const [said, counted] = [recountText(partition), recountText(after)];
    if (said !== counted) this.#break(`${where}: the ledger says ${key} ${said}, a recount ${counted}`);
    const entry = chain.entries[Number(partition.seq)];
    if (entry === undefined || partition.position < entry.startOffset || partition.position > entry.endOffset)
      this.#break(`${where}: position ${partition.position} of ${key} does not lie in entry ${partition.seq}`);
    this.#recounts.set(key, after);
  }

  #start(where: string, partition: PartitionLedger, chain: SimChain): void {
    const start = this.#startOf(partition);
    if (start !== partition.startOffset)
      this.#break(`${where}: ${chain.key} begins at ${partition.startOffset}, its start object says ${start}`);
    if (partition.startOffset < chain.startOffset) this.#break(`${where}: ${chain.key} begins before its chain`);
  }

  /** Partitions that were in the ledger stay, and no position moves that the ledger does not know. */
  #unmoved(where: string, ledger: Ledger, txns: ReadonlyMap<string, bigint>): void {
    const known = new Set(ledger.partitions.map(positionAppId));
    for (const { topicId, partition } of this.#ledger?.partitions ?? [])
      if (!known.has(positionAppId({ topicId, partition }))) this.#break(`${where}: the ledger lost ${topicId}/${partition}`);
    for (const appId of txns.keys())
      if (appId !== ledgerAppId && !known.has(appId)) this.#break(`${where}: a position ${appId} that the ledger does not know`);
  }

  /** Every record set aside has one pointer, at the very line it lies on. */
  #quarantine(where: string, ledger: Ledger, expected: Map<RowName, string>): void {
    const before = new Set(this.#ledger?.quarantineSegments.map(({ key }) => key));
    const kept = ledger.quarantineSegments.filter(({ key }) => before.has(key)).length;
    if (kept !== before.size) this.#break(`${where}: ${before.size - kept} quarantine segments are gone from the open set`);
    for (const { key } of ledger.quarantineSegments.filter((segment) => !before.has(segment.key))) {
      const bytes = this.#tables.get(this.#root + key);
      if (bytes === undefined) {
        this.#break(`${where}: quarantine segment ${key} is not there`);
        continue;
      }
      for (const pointer of parseStored(quarantineSegment, bytes, key, ledgerFormat).pointers) {
        const lines = new TextDecoder().decode(zstdDecompressSync(this.#rawObject(pointer.rawObject) ?? new Uint8Array())).split('\n');
        for (let offset = pointer.startOffset; offset < pointer.endOffset; offset++) {
          const name = rowName(sourceKey(pointer), offset);
          const line = lines[pointer.startLine + Number(offset - pointer.startOffset)] ?? '';
          if (!line.startsWith(`{"offset":${offset},`)) this.#break(`${where}: the pointer of ${name} leads to ${line.slice(0, 40)}`);
          if (expected.get(name) !== pointer.reason)
            this.#break(`${where}: ${name} is set aside as ${pointer.reason}, it is ${expected.get(name) ?? 'none of this batch'}`);
          expected.delete(name);
        }
      }
    }
    for (const [name, reason] of expected) this.#break(`${where}: the position moved past ${name} (${reason}), which has no pointer`);
  }

  #add(add: AddFile): RowName[] {
    const bytes = this.#tables.get(this.#root + decodeURIComponent(add.path));
    if (bytes === undefined) {
      this.#break(`data file ${add.path} is named and not there`);
      return [];
    }
    const rows = decodeRows(bytes);
    this.live.set(add.path, { add, rows });
    this.named.add(add.path);
    return rows;
  }

  #break(words: string): void {
    if (this.broken.length < 20) this.broken.push(words);
  }
}

const addsOf = (actions: readonly DeltaAction[]) => actions.flatMap((action) => ('add' in action ? [action.add] : []));
