import { readIncarnations } from '@millrace/core/chain/incarnations.ts';
import { isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { createMetastoreClient, type DatasetStatus } from '@millrace/metastore/client/client.ts';
import { type Lake, topicFromMetastore, topicUnknown } from '../lake/open-lake.ts';
import { type TableView, viewTable } from '../lake/table-view.ts';
import { type LandedRecord, RawLocator, type RawPlace } from './locate-raw.ts';
import { locateInTable, type TablePlace } from './locate-table.ts';
import { type Judgement, judge, tombstoneRule } from './outcome.ts';

/** What is to be traced. `topic` undefined: the table's ledger tells, else the metastore; `topicId` undefined: the newest incarnation. */
export type OffsetQuestion = {
  dataset: string;
  topic: string | undefined;
  topicId: string | undefined;
  partition: number;
  offset: bigint;
  metastoreUrl: string;
  /** existing directory for copies of data files */
  folder: string;
};

/** Everything known of one offset. */
export type OffsetTrace = Judgement & {
  dataset: string;
  topic: string;
  source: SourcePartition;
  offset: bigint;
  /** older or newer incarnations of the topic that landed too */
  otherTopicIds: string[];
  rawUrl: string;
  raw: RawPlace;
  tableUrl: string;
  view: TableView;
  /** undefined: it did not land, so the table cannot have it */
  place: TablePlace | undefined;
  status: DatasetStatus | undefined;
};

/**
 * Follows one offset through raw zone and table, from the files alone; the metastore, when it answers, adds why something waits. Only reads.
 * @throws kind `invalid` when nothing is known of the dataset; kind `corrupt` when a file on the way, other than the raw object, is not what was written
 */
export async function traceOffset({ raw, tables }: Lake, question: OffsetQuestion): Promise<OffsetTrace> {
  const { dataset, partition, offset } = question;
  const view = await viewTable(scopedStore(tables, dataset));
  const topic = question.topic ?? view.ledger?.partitions[0]?.topic ?? (await topicFromMetastore(question.metastoreUrl, dataset));
  if (topic === undefined) throw topicUnknown(dataset, view.table.url);
  const incarnations = (await readIncarnations(raw, topic)).map(({ topicId }) => topicId);
  if (question.topicId !== undefined && !incarnations.includes(question.topicId))
    throw new MillraceError(
      'invalid',
      'topic_id_unknown',
      `nothing of ${topic} with topic id ${question.topicId} has landed; there ${incarnations.length === 0 ? 'is none' : `are ${incarnations.join(', ')}`}`,
    );
  const topicId = question.topicId ?? incarnations[0] ?? '';
  const source = { topicId, partition };
  const status = await statusOf(question.metastoreUrl, dataset);
  const found: RawPlace = topicId === '' ? { kind: 'no_chain', partitions: [] } : await new RawLocator(raw, topic).locate(source, offset);
  const landed = found.kind === 'record' || found.kind === 'unreadable' || found.kind === 'gap';
  const place = landed ? await locateInTable(view, source, offset, found.kind !== 'gap', question.folder) : undefined;
  return {
    ...judge(source, offset, found, place, status),
    dataset,
    topic,
    source,
    offset,
    otherTopicIds: incarnations.filter((id) => id !== topicId),
    rawUrl: raw.url,
    raw: found,
    tableUrl: view.table.url,
    view,
    place,
    status,
  };
}

async function statusOf(url: string, dataset: string): Promise<DatasetStatus | undefined> {
  try {
    return await createMetastoreClient(url).status(dataset);
  } catch (error) {
    if (isKind(error, 'unavailable', 'invalid')) return undefined;
    throw error;
  }
}

/** A trace as plain data, for programs. Pure. Lines and rows are zero-based, ranges half-open. @param withRecord show the record's own data too */
export function traceData(trace: OffsetTrace, withRecord: boolean) {
  const { raw, place, view, status } = trace;
  const entry = 'entry' in raw ? raw.entry : undefined;
  return {
    dataset: trace.dataset,
    topic: trace.topic,
    topicId: trace.source.topicId,
    partition: trace.source.partition,
    offset: trace.offset,
    outcome: trace.outcome,
    why: trace.why,
    record: raw.kind === 'record' ? recordData(raw.record, withRecord) : null,
    raw:
      entry === undefined
        ? null
        : {
            url: trace.rawUrl,
            object: 'object' in raw ? raw.object.key : null,
            line: raw.kind === 'record' ? raw.line : null,
            sha256: 'object' in raw ? raw.object.sha256 : null,
            problem: raw.kind === 'unreadable' ? raw.why : null,
          },
    chain:
      entry === undefined
        ? null
        : {
            entry: chainEntryKey(trace.topic, trace.source, entry.seq),
            seq: entry.seq,
            kind: entry.kind,
            startOffset: entry.startOffset,
            endOffset: entry.endOffset,
            epoch: entry.epoch,
            attemptId: entry.attemptId,
            writer: entry.writer,
            createdAt: entry.createdAt,
          },
    gap: raw.kind === 'gap' ? { ...raw.gap, reason: raw.reason } : null,
    table: {
      url: trace.tableUrl,
      version: view.state?.version ?? null,
      startOffset: place?.startOffset ?? null,
      position: place?.position ?? null,
      commit: place?.commit ?? null,
      rows: place?.rows ?? [],
    },
    quarantine: place?.quarantine === undefined ? null : { segment: place.quarantine.segment, ...place.quarantine.pointer },
    droppedBy: trace.outcome === 'dropped' ? tombstoneRule : null,
    state: status === undefined ? null : { state: status.state, reason: status.reason, nextAction: status.nextAction },
    otherTopicIds: trace.otherTopicIds,
  };
}

function recordData({ timestamp, key, headers, value }: LandedRecord, withRecord: boolean) {
  return {
    timestamp,
    keyBytes: key?.length ?? null,
    headers: headers.length,
    valueBytes: value?.length ?? null,
    ...(withRecord
      ? { key: bytesText(key), headerValues: headers.map(([name, held]) => [name, bytesText(held)]), value: bytesText(value) }
      : {}),
  };
}

/** Bytes of a value shown at most. */
const shownBytesMax = 1_000;

/** Bytes for people: text in UTF-8, else base64; cut at a bound; null as it is. Pure. */
export function bytesText(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  const shown = bytes.subarray(0, shownBytesMax);
  const cut = shown.length < bytes.length ? `… (${bytes.length} bytes)` : '';
  const text = Buffer.from(shown).toString('utf8');
  // a cut may fall into a character
  const whole = Buffer.from(text, 'utf8').equals(shown) || (cut !== '' && !text.slice(0, -1).includes('\ufffd'));
  return whole ? (cut === '' ? text : text.replace(/\ufffd$/, '')) + cut : `base64:${Buffer.from(shown).toString('base64')}${cut}`;
}
