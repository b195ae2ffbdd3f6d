import { readChainStart, readEntry } from '@millrace/core/chain/entries.ts';
import { findEntryCovering, findTail } from '@millrace/core/chain/tail.ts';
import { type ChainEntry, encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { tableStartKey } from '@millrace/core/domain/keys.ts';
import { ledgerFormat, type TableStart, tableStart } from '@millrace/core/domain/ledger.ts';
import { type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { commitObject } from '@millrace/core/stores/commit-object.ts';

/** How long resolving one start may take, ms. */
const startDeadlineMs = 20_000;

/**
 * Where the dataset's table begins on a chain: what an earlier resolution says, else resolved now and made true for everybody by put-if-absent, before the
 * first batch. `earliest` is the chain's first offset. `latest` is the first entry that was written since the dataset was registered, or the landed end when there
 * is none yet: what lands while no worker looks is not lost, and a chain that was begun for the dataset, or came later, is read whole; but nothing
 * that Kafka already had when landing of the topic began.
 * @returns undefined when the chain has no entry yet, or has not come to where the table begins
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
  const from = dataset.startFrom === 'latest' ? await latestStart(raw, dataset, source, signal) : first;
  if (from === undefined) return undefined;
  const resolved: TableStart = {
    format: ledgerFormat,
    topic: dataset.kafkaTopic,
    ...source,
    startOffset: from.startOffset,
    seq: from.seq,
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

/** The later of two: what was written since the registration, and what Kafka did not have yet when landing of the topic began. */
async function latestStart(
  raw: ObjectStore,
  dataset: Dataset,
  source: SourcePartition,
  signal: AbortSignal,
): Promise<{ startOffset: bigint; seq: bigint } | undefined> {
  const { kafkaTopic } = dataset;
  const since = await sinceRegistered(raw, dataset, source, signal);
  const begun = await readChainStart(raw, kafkaTopic, source.topicId, signal);
  const startOffset = begun?.latest?.[String(source.partition)];
  if (startOffset === undefined || startOffset <= since.startOffset) return since;
  const tail = await findTail(raw, kafkaTopic, source, since.seq, signal);
  if (tail === undefined || tail.endOffset < startOffset) return undefined;
  const entry = (await findEntryCovering(raw, kafkaTopic, source, startOffset, tail, signal)) ?? tail;
  return { startOffset, seq: entry.seq };
}

/** The position of the first entry written since the dataset was registered, by the clocks of both; the landed end when there is none. Some twenty GETs on a chain of a million entries. */
async function sinceRegistered(
  raw: ObjectStore,
  dataset: Dataset,
  source: SourcePartition,
  signal: AbortSignal,
): Promise<{ startOffset: bigint; seq: bigint }> {
  const isSince = (entry: ChainEntry) => Date.parse(entry.createdAt) >= Date.parse(dataset.createdAt);
  const read = async (seq: bigint) => {
    const entry = await readEntry(raw, dataset.kafkaTopic, source, seq, signal);
    if (entry !== undefined) return entry;
    throw new MillraceError(
      'corrupt',
      'entry_missing',
      `entry ${seq} of the chain ${sourceKey(source)} of topic ${dataset.kafkaTopic} is not there`,
    );
  };
  const tail = (await findTail(raw, dataset.kafkaTopic, source, 0n, signal)) ?? (await read(0n));
  if (!isSince(tail)) return { startOffset: tail.endOffset, seq: tail.seq };
  let found = tail;
  for (let low = 0n; low < found.seq; ) {
    const middle = await read((low + found.seq) / 2n);
    if (isSince(middle)) found = middle;
    else low = middle.seq + 1n;
  }
  return found;
}
