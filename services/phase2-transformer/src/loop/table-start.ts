import { readEntry } from '@millrace/core/chain/entries.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { tableStartKey } from '@millrace/core/domain/keys.ts';
import { ledgerFormat, type TableStart, tableStart } from '@millrace/core/domain/ledger.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { commitObject } from '@millrace/core/stores/commit-object.ts';

/** How long resolving one start may take, ms. */
const startDeadlineMs = 20_000;

/**
 * Where the dataset's table begins on a chain: what an earlier resolution says, else resolved now and made true for everybody by put-if-absent, before the
 * first batch. `earliest` is the chain's first offset. `latest` is what has landed by now, but only on a chain that is older than the dataset:
 * partitions and incarnations that came later are read whole.
 * @returns undefined when the chain has no entry yet
 * @throws as the store; kind `unavailable`, code `start_unsettled`, when the outcome stays unknown
 */
export async function resolveTableStart(
  deps: { raw: ObjectStore; table: ObjectStore; clock: Clock; random: Random },
  dataset: Dataset,
  source: SourcePartition,
  signal: AbortSignal,
): Promise<TableStart | undefined> {
  const { raw, table, clock, random } = deps;
  const key = tableStartKey(source);
  const read = (bytes: Uint8Array) => parseStored(tableStart, bytes, `${table.url}/${key}`, ledgerFormat);
  const known = await table.get(key, { signal });
  if (known !== undefined) return read(known);
  const first = await readEntry(raw, dataset.kafkaTopic, source, 0n, signal);
  if (first === undefined) return undefined;
  const olderThanDataset = Date.parse(first.createdAt) < Date.parse(dataset.createdAt);
  const from = dataset.startFrom === 'latest' && olderThanDataset ? await findTail(raw, dataset.kafkaTopic, source, 0n, signal) : undefined;
  const resolved: TableStart = {
    format: ledgerFormat,
    topic: dataset.kafkaTopic,
    ...source,
    startOffset: from?.endOffset ?? first.startOffset,
    seq: from?.seq ?? first.seq,
    attemptId: random.ulid(),
    createdAt: new Date(clock.now()).toISOString(),
  };
  const outcome = await commitObject(
    table,
    key,
    encodeStored(tableStart, resolved),
    (stored) => read(stored).attemptId === resolved.attemptId,
    { clock, random, deadlineMs: startDeadlineMs, signal },
  );
  if (outcome.status === 'committed') return resolved;
  if (outcome.status === 'conflicted') return read(outcome.body);
  throw new MillraceError(
    'unavailable',
    'start_unsettled',
    `whether ${table.url}/${key} was written is not known yet`,
    { key },
    outcome.cause,
  );
}
