import { tableFromIPC } from 'apache-arrow';
import { ParquetFile } from 'parquet-wasm';
import { MillraceError } from '../domain/errors.ts';
import { padded } from '../domain/keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { AddFile, DeltaAction, DeltaMetadata, DeltaProtocol, RemoveFile } from './actions.ts';

/** A Delta checkpoint that can be read: `version` and the parts' keys below the table root, in order. */
export type DeltaCheckpoint = { version: bigint; keys: string[] };

/** Rows decoded at a time: the bound on memory of a checkpoint of any size, beside its own compressed bytes. */
const rowsAtOnce = 4096;

/**
 * The newest usable checkpoint: what `_last_checkpoint` says, else (it is only a hint and may lag or be missing) undefined.
 * A reader then begins at version 0, or at what `listCheckpoint` finds.
 */
export async function hintedCheckpoint(table: ObjectStore): Promise<DeltaCheckpoint | undefined> {
  const hint = await table.get('_delta_log/_last_checkpoint');
  if (hint === undefined) return undefined;
  let json: { version?: unknown; parts?: unknown; v2Checkpoint?: unknown } | null;
  try {
    json = JSON.parse(new TextDecoder().decode(hint)) as typeof json;
  } catch {
    return undefined;
  }
  if (json === null || typeof json.version !== 'number' || (json.v2Checkpoint !== undefined && json.v2Checkpoint !== null))
    return undefined;
  const checkpoint = {
    version: BigInt(json.version),
    keys: checkpointKeys(BigInt(json.version), typeof json.parts === 'number' ? json.parts : undefined),
  };
  const heads = await Promise.all(checkpoint.keys.map((key) => table.head(key)));
  return heads.every((head) => head !== undefined && head.bytes > 0) ? checkpoint : undefined;
}

/** The newest complete classic or multi-part checkpoint by listing the log: for tables whose hint is missing and whose first commits were cleaned away. */
export async function listCheckpoint(table: ObjectStore): Promise<DeltaCheckpoint | undefined> {
  let newest: DeltaCheckpoint | undefined;
  const parts = new Map<string, Set<string>>();
  let startAfter: string | undefined;
  for (;;) {
    const page = await table.list('_delta_log/', startAfter === undefined ? {} : { startAfter });
    for (const { key, bytes } of page) {
      const match = /^_delta_log\/(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet$/.exec(key);
      if (match === null || bytes === 0) continue;
      const version = BigInt(match[1] ?? '');
      if (match[3] === undefined) newest = { version, keys: [key] };
      else {
        const seen = parts.get(`${version}/${match[3]}`) ?? new Set<string>();
        parts.set(`${version}/${match[3]}`, seen.add(key));
        if (seen.size === Number(match[3])) newest = { version, keys: [...seen] };
      }
    }
    const last = page.at(-1);
    if (page.length < 1000 || last === undefined) return newest;
    startAfter = last.key;
  }
}

function checkpointKeys(version: bigint, parts: number | undefined): string[] {
  const stem = `_delta_log/${padded(version, 20)}.checkpoint`;
  if (parts === undefined) return [`${stem}.parquet`];
  return Array.from({ length: parts }, (_, part) => `${stem}.${padded(part + 1, 10)}.${padded(parts, 10)}.parquet`);
}

/**
 * Actions of a checkpoint as a stream: `state` gives protocol, metaData and txn without touching the file columns; `files` gives only adds and tombstones.
 * @throws kind `corrupt`, code `checkpoint_missing` or `unreadable_checkpoint`
 */
export async function* checkpointActions(
  table: ObjectStore,
  checkpoint: DeltaCheckpoint,
  scope: 'state' | 'files',
): AsyncGenerator<DeltaAction> {
  for (const key of checkpoint.keys) {
    const bytes = await table.get(key);
    if (bytes === undefined) throw new MillraceError('corrupt', 'checkpoint_missing', `${table.url}/${key} is gone`, { key });
    try {
      yield* partActions(bytes, scope);
    } catch (cause) {
      throw new MillraceError(
        'corrupt',
        'unreadable_checkpoint',
        `${table.url}/${key} cannot be read as a Delta checkpoint`,
        { key },
        cause,
      );
    }
  }
}

/** Rows of a checkpoint file, which are its actions. @throws what the decoder throws for a file that is not Parquet */
export async function checkpointRows(bytes: Uint8Array): Promise<number> {
  const file = await ParquetFile.fromFile(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  try {
    return file.metadata().fileMetadata().numRows();
  } finally {
    file.free();
  }
}

async function* partActions(bytes: Uint8Array, scope: 'state' | 'files'): AsyncGenerator<DeltaAction> {
  const file = await ParquetFile.fromFile(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  try {
    const stream = await file.stream({
      columns: scope === 'state' ? ['protocol', 'metaData', 'txn'] : ['add', 'remove'],
      batchSize: rowsAtOnce,
    });
    for await (const batch of stream as unknown as AsyncIterable<{ intoIPCStream(): Uint8Array }>) {
      const rows = tableFromIPC(batch.intoIPCStream());
      for (const row of rows) {
        const action = actionOf((row as { toJSON(): Record<string, unknown> }).toJSON());
        if (action !== undefined) yield action;
      }
    }
  } finally {
    file.free();
  }
}

type Row = Record<string, unknown>;

function actionOf(row: Row): DeltaAction | undefined {
  const read = (name: string): Row | undefined => {
    const value = row[name] as { toJSON?: () => Row } | null | undefined;
    return value?.toJSON?.() ?? undefined;
  };
  const protocol = read('protocol');
  if (protocol !== undefined && protocol.minReaderVersion !== null)
    return {
      protocol: compact<DeltaProtocol>({
        ...protocol,
        readerFeatures: list(protocol.readerFeatures),
        writerFeatures: list(protocol.writerFeatures),
      }),
    };
  const metaData = read('metaData');
  if (metaData !== undefined && metaData.id !== null) {
    const format = (metaData.format as { toJSON(): Row } | null)?.toJSON() ?? {};
    return {
      metaData: compact<DeltaMetadata>({
        ...metaData,
        format: { provider: format.provider ?? 'parquet', options: map(format.options) },
        partitionColumns: list(metaData.partitionColumns) ?? [],
        configuration: map(metaData.configuration),
        createdTime: number(metaData.createdTime),
      }),
    };
  }
  const txn = read('txn');
  if (txn !== undefined && txn.appId !== null)
    return { txn: compact({ appId: txn.appId as string, version: BigInt(txn.version as bigint), lastUpdated: number(txn.lastUpdated) }) };
  const add = read('add');
  if (add !== undefined && add.path !== null) return { add: addOf(add) };
  const remove = read('remove');
  return remove === undefined || remove.path === null ? undefined : { remove: removeOf(remove) };
}

function addOf(add: Row): AddFile {
  return compact({
    path: add.path,
    partitionValues: map(add.partitionValues),
    size: number(add.size),
    modificationTime: number(add.modificationTime),
    dataChange: add.dataChange,
    stats: add.stats,
    tags: optionalMap(add.tags),
  });
}

function removeOf(remove: Row): RemoveFile {
  return compact({
    path: remove.path,
    deletionTimestamp: number(remove.deletionTimestamp),
    dataChange: remove.dataChange,
    extendedFileMetadata: remove.extendedFileMetadata,
    partitionValues: optionalMap(remove.partitionValues),
    size: number(remove.size),
  });
}

function list(value: unknown): string[] | undefined {
  return value === null || value === undefined ? undefined : [...(value as Iterable<string>)];
}

function map(value: unknown): Record<string, string | null> {
  return value === null || value === undefined ? {} : Object.fromEntries(value as Iterable<[string, string | null]>);
}

function optionalMap(value: unknown): Record<string, string | null> | undefined {
  return value === null || value === undefined ? undefined : map(value);
}

function number(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

/** Without absent members: Parquet says null where JSON leaves out. */
function compact<T>(row: Row): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined)) as T;
}
