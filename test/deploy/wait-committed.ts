import { datasetStatus, waitFor } from '../support/services.ts';

const withinMs = 120_000;

/** Waits until the table of a dataset with one partition holds all offsets below `end`. */
export async function waitCommitted(metastoreUrl: string, dataset: string, end: number): Promise<void> {
  await waitFor(
    `${dataset} committed up to ${end}`,
    () => datasetStatus(metastoreUrl, dataset),
    ({ partitions }) => partitions.some(({ committed }) => BigInt(committed ?? '-1') >= BigInt(end)),
    withinMs,
  );
}
