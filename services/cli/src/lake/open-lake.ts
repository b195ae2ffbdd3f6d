import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { datasetName } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';

/** The two roots, as `readLakeSettings` reads them. */
export type LakeSettings = { MILLRACE_RAW_URL: string; MILLRACE_TABLES_URL: string; MILLRACE_S3_FORCE_PATH_STYLE: boolean };

/** Stores rooted at MILLRACE_RAW_URL and MILLRACE_TABLES_URL. */
export type Lake = { raw: ObjectStore; tables: ObjectStore };

/** Gives `use` the two stores and frees them afterwards. Nothing is asked of them here. */
export async function withLake<T>(settings: LakeSettings, use: (lake: Lake) => Promise<T>): Promise<T> {
  const s3 = { forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE };
  const raw = openObjectStore(settings.MILLRACE_RAW_URL, s3);
  const tables = openObjectStore(settings.MILLRACE_TABLES_URL, s3);
  try {
    return await use({ raw, tables });
  } finally {
    await Promise.all([raw.close(), tables.close()]);
  }
}

/** @throws kind `invalid`, code `bad_dataset_name` */
export function requireDatasetName(dataset: string): void {
  if (!datasetName.safeParse(dataset).success)
    throw new MillraceError(
      'invalid',
      'bad_dataset_name',
      `"${dataset}" is not the name of a dataset: small letters, digits, '.', '_' and '-'`,
    );
}

/** The dataset's topic by the metastore; undefined when it is away or knows no such dataset: then the table's ledger tells. */
export async function topicFromMetastore(url: string, dataset: string): Promise<string | undefined> {
  try {
    return (await createMetastoreClient(url).dataset(dataset)).kafkaTopic;
  } catch (error) {
    if (error instanceof MillraceError) return undefined;
    throw error;
  }
}

/** What to say when nobody knows the topic. Pure. */
export const topicUnknown = (dataset: string, tableUrl: string) =>
  new MillraceError(
    'invalid',
    'topic_unknown',
    `neither the metastore nor a table under ${tableUrl} knows the topic of ${dataset}; give it with --topic`,
  );
