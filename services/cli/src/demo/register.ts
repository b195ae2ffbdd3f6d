import { isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { MetastoreClient } from '@millrace/metastore/client/client.ts';

/**
 * Registers the demo's dataset; the one of an earlier run will do.
 * @throws kind `conflict`, code `other_dataset`, when the name belongs to a dataset of another topic; whatever else the metastore refuses
 */
export async function register(
  metastore: Pick<MetastoreClient, 'createDataset' | 'dataset'>,
  wanted: { name: string; kafkaTopic: string } & Record<string, unknown>,
): Promise<void> {
  try {
    await metastore.createDataset(wanted);
  } catch (error) {
    if (!isKind(error, 'conflict')) throw error;
    const there = await metastore.dataset(wanted.name);
    if (there.kafkaTopic === wanted.kafkaTopic) return;
    throw new MillraceError(
      'conflict',
      'other_dataset',
      `the metastore has a dataset ${wanted.name} already, and it reads the topic ${there.kafkaTopic}, not ${wanted.kafkaTopic}. Delete that dataset or give DATABASE_URL of another database.`,
      { dataset: wanted.name, topic: there.kafkaTopic },
      error,
    );
  }
}
