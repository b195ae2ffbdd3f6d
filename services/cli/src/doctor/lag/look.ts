import { discoverFolders, discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { readEntry } from '@millrace/core/chain/entries.ts';
import { findEntryCovering, findTail } from '@millrace/core/chain/tail.ts';
import { readLedger } from '@millrace/core/delta/ledger-reader.ts';
import { readTableState } from '@millrace/core/delta/snapshot.ts';
import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import { ledgerAppId, positionAppId } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import type { DatasetStatus, MetastoreClient } from '@millrace/metastore/client/client.ts';
import { sideBySide } from '../../side-by-side.ts';
import type { DatasetLag, PartitionLag } from './legs.ts';

/** What the metastore knows of all datasets. @throws kind `unavailable` when it is away */
export async function lagsFromMetastore(client: MetastoreClient): Promise<DatasetLag[]> {
  const datasets = await client.datasets();
  const found = await sideBySide(datasets, async ({ name, kafkaTopic }) => {
    try {
      return [lagOf(await client.status(name), kafkaTopic)];
    } catch (error) {
      // deleted since the list was read
      if (isKind(error, 'invalid') && error.code === 'not_found') return [];
      throw error;
    }
  });
  return found.flat();
}

function lagOf(status: DatasetStatus, topic: string): DatasetLag {
  const silentSince = status.landingSilentSince;
  return {
    dataset: status.name,
    topic,
    state: status.state,
    nextAction: status.nextAction,
    partitions: status.partitions.map(({ topicId, partition, end, landed, committed }) => ({
      topicId,
      partition,
      end,
      landed,
      committed,
      oldestUnlandedMs: null,
      oldestUncommittedMs: null,
    })),
    estimateSeconds: status.lagSeconds,
    endsAgeSeconds: silentSince === undefined ? 0 : Math.max(0, (Date.now() - Date.parse(silentSince)) / 1000),
    endsKnown: silentSince === undefined,
  };
}

/** The same without the metastore: tables tell their topics and positions, chains what landed. Datasets without a table yet are not seen. */
export async function lagsFromStores(raw: ObjectStore, tables: ObjectStore): Promise<DatasetLag[]> {
  const names = await discoverFolders(tables, '', /^[a-z0-9]/);
  return (await sideBySide(names, (name) => lagFromStores(raw, scopedStore(tables, name), name))).flat();
}

async function lagFromStores(raw: ObjectStore, table: ObjectStore, dataset: string): Promise<DatasetLag[]> {
  const state = await readTableState(table);
  const head = state?.txns.get(ledgerAppId);
  if (state === undefined || head === undefined) return [];
  const ledger = await readLedger(table, head);
  const topic = ledger.partitions[0]?.topic;
  if (topic === undefined) return [];
  const known = new Map(ledger.partitions.map((partition) => [`${partition.topicId}/${partition.partition}`, partition]));
  const partitions: PartitionLag[] = [];
  for (const topicId of await discoverTopicIds(raw, topic)) {
    const found = await sideBySide(await discoverPartitions(raw, topic, topicId), async (partition): Promise<PartitionLag[]> => {
      const inTable = known.get(`${topicId}/${partition}`);
      const source = { topicId, partition };
      const tail = await findTail(raw, topic, source, inTable?.seq ?? 0n);
      if (tail === undefined) return [];
      const first = inTable === undefined ? await readEntry(raw, topic, source, 0n) : undefined;
      const committed = state.txns.get(positionAppId(source)) ?? inTable?.position ?? first?.startOffset ?? 0n;
      return [{ topicId, partition, end: null, landed: tail.endOffset, committed, oldestUnlandedMs: null, oldestUncommittedMs: null }];
    });
    partitions.push(...found.flat());
  }
  return [{ dataset, topic, state: null, nextAction: null, partitions, estimateSeconds: null, endsAgeSeconds: null, endsKnown: false }];
}

/** Looks up when the oldest record that landed and is not in the table was produced, where there is one. */
export async function withTableAges(raw: ObjectStore, lag: DatasetLag): Promise<DatasetLag> {
  const partitions = await sideBySide(lag.partitions, async (partition) => {
    if (partition.landed <= partition.committed) return partition;
    const tail = await findTail(raw, lag.topic, partition);
    const entry = tail === undefined ? undefined : await findEntryCovering(raw, lag.topic, partition, partition.committed, tail);
    return { ...partition, oldestUncommittedMs: entry === undefined ? null : timeOf(entry, partition.committed) };
  });
  return { ...lag, partitions };
}

/** Kafka's time of the first record at or behind the offset; of an entry without one the moment it was written. */
function timeOf(entry: ChainEntry, offset: bigint): number {
  const object = entry.kind === 'data' ? entry.objects.find(({ endOffset }) => endOffset > offset) : undefined;
  return object?.firstTimestamp ?? Date.parse(entry.createdAt);
}
