import { discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { datasetName } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { type Lake, topicFromMetastore } from './open-lake.ts';
import { viewTable } from './table-view.ts';

/**
 * The Kafka topic a person means by a name: of the dataset of that name, by metastore or table; else the topic of that name if something of it landed.
 * @throws kind `invalid`, code `nothing_landed`
 */
export async function findTopic({ raw, tables }: Lake, name: string, metastoreUrl: string): Promise<string> {
  if (datasetName.safeParse(name).success) {
    const known =
      (await topicFromMetastore(metastoreUrl, name)) ?? (await viewTable(scopedStore(tables, name))).ledger?.partitions[0]?.topic;
    if (known !== undefined) return known;
  }
  if ((await discoverTopicIds(raw, name)).length > 0) return name;
  throw new MillraceError(
    'invalid',
    'nothing_landed',
    `${name} is no dataset that is known, and nothing of a topic of that name lies in ${raw.url}`,
  );
}
