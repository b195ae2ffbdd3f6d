import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ClusterChange } from '@millrace/core/domain/losses.ts';
import type { LandingReport, TableReport } from '@millrace/core/domain/reports.ts';

/** A dataset as stored: configuration and people's intents. Its state is not stored but seen from the reports. */
export type StoredDataset = Omit<Dataset, 'state'>;

/** One partition of the newest landing reports; times in ms since 1970, by the metastore's clock. */
export type LandedPartition = LandingReport['partitions'][number] & { reportedAt: number };

/** What phase 1 said of a topic. `topicId` is its newest incarnation, null when it does not exist; older incarnations stay in `partitions`. */
export type LandingFacts = {
  topicId: string | null;
  notices: string[];
  reportedAt: number;
  partitions: LandedPartition[];
  /** the brokers are of a cluster the chains do not know */
  clusterChange?: ClusterChange | null;
};

/** What phase 2 last said of a dataset. */
export type TableFacts = { report: TableReport; reportedAt: number };

/** All the metastore knows of one dataset. */
export type Facts = { dataset: StoredDataset; landing: LandingFacts | undefined; table: TableFacts | undefined };

/** The one answer for a dataset that is not there. Pure. */
export function notFound(name: string): MillraceError {
  return new MillraceError('invalid', 'not_found', `there is no dataset ${name}`);
}
