import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { StoredDataset } from '../view/facts.ts';

/** The part of a tag that stands for configuration and intents: dataset and version. */
const versionTag = (dataset: Pick<StoredDataset, 'id' | 'version'>) => `${dataset.id}.${dataset.version}`;

/** Strong tag of a dataset's representation, which shows the state too. Pure. */
export function etag(dataset: Dataset): string {
  return `"${versionTag(dataset)}.${dataset.state}"`;
}

/**
 * Honours If-Match: `*`, or a list of tags of which one was given for this dataset and version. The state in the tag is not compared, since workers
 * change it at any moment and a person's change does not stand on it. Weak tags never match (RFC 9110, 13.1.1). Pure.
 * @throws kind `conflict`, code `precondition_failed`
 */
export function requireMatch(ifMatch: string | undefined, dataset: StoredDataset): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  const ours = tags.some((tag) => tag.startsWith(`"${versionTag(dataset)}.`) && tag.endsWith('"'));
  if (!ours)
    throw new MillraceError(
      'conflict',
      'precondition_failed',
      `dataset ${dataset.name} has changed since: it is at version ${dataset.version} now; read it again`,
    );
}
