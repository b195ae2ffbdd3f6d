import { parentPort, workerData } from 'node:worker_threads';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { readTableState } from '@millrace/core/delta/snapshot.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { writeCheckpoint } from './formats/delta/checkpoint.ts';

/** What the thread is started with. It writes one checkpoint and ends, so that its memory, which grows with the table's file list, is given back. */
export type CheckpointThreadData = { tablesUrl: string; forcePathStyle: boolean; dataset: string };
/** What it says at its end: undefined when the checkpoint is written. */
export type CheckpointThreadReply = { error: string | undefined };

async function main({ tablesUrl, forcePathStyle, dataset }: CheckpointThreadData): Promise<CheckpointThreadReply> {
  const tables = openObjectStore(tablesUrl, { forcePathStyle });
  try {
    const table = scopedStore(tables, dataset);
    const state = await readTableState(table);
    if (state !== undefined) await writeCheckpoint(table, state, Date.now());
    return { error: undefined };
  } catch (error) {
    return { error: describeError(error) };
  } finally {
    await tables.close();
  }
}

parentPort?.postMessage(await main(workerData as CheckpointThreadData));
