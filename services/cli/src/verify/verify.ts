import { readChainStart, startOffsetOf } from '@millrace/core/chain/entries.ts';
import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';
import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import { positionAppId, type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { topicUnknown } from '../lake/open-lake.ts';
import { sourcesOf } from '../lake/sources.ts';
import { readTableStart } from '../lake/table-start.ts';
import { type ChainSeen, nothingSeen, walkChain } from './chain-walk.ts';
import { type Coverage, type CoverageFault, sweepCoverage } from './coverage.ts';
import { Differences } from './differences.ts';
import { compareLedger, type PartitionSums, sumsOf } from './equation.ts';
import { checkAgainstKafka, checkNeverLanded, type KafkaPartition } from './kafka-check.ts';
import type { KafkaReader, KafkaTopic } from './kafka-log.ts';
import { RangeSpill } from './range-spill.ts';
import { aboutTable, readTable, type TableRead } from './table-read.ts';

export type VerifyInput = {
  dataset: string;
  /** the dataset's Kafka topic when the caller knows it; else the table's ledger tells */
  topic: string | undefined;
  /** store rooted at MILLRACE_RAW_URL */
  raw: ObjectStore;
  /** store rooted at MILLRACE_TABLES_URL */
  tables: ObjectStore;
  /** existing directory for the ranges that spill and for copies of data files */
  tempDir: string;
  /** present with --against-kafka */
  kafka: KafkaReader | undefined;
};

export type VerifyReport = {
  dataset: string;
  topic: string;
  tableUrl: string;
  table: TableRead;
  partitions: PartitionSums[];
  chains: Map<string, ChainSeen>;
  kafka: KafkaPartition[];
  /** what could not be compared, and why: no differences */
  notices: string[];
  differences: Differences;
};

/**
 * Checks one dataset from end to end: chain, raw objects, ledger, rows, quarantine and position; with a Kafka log also raw against Kafka. Only reads.
 * The table is read first, the chains after it, so that a system at work is checked as of that table version.
 * @throws `MillraceError` when it could not check: a store or Kafka is away, a format is newer, nothing is known of the dataset
 */
export async function verifyDataset(input: VerifyInput): Promise<VerifyReport> {
  const differences = new Differences();
  const table = scopedStore(input.tables, input.dataset);
  const spill = await RangeSpill.open(input.tempDir);
  try {
    const read = await readTable(table, spill, differences);
    const ledgers = new Map((read.ledger?.partitions ?? []).map((partition) => [sourceKey(partition), partition]));
    const topic = input.topic ?? read.ledger?.partitions[0]?.topic;
    if (topic === undefined) throw topicUnknown(input.dataset, table.url);
    const report: VerifyReport = {
      dataset: input.dataset,
      topic,
      tableUrl: table.url,
      table: read,
      partitions: [],
      chains: new Map(),
      kafka: [],
      notices: [],
      differences,
    };
    const sources = await sourcesOf(input.raw, topic, [...ledgers.values()]);
    const known = new Set(sources.map(sourceKey));
    for (const source of await spill.sources())
      if (!known.has(sourceKey(source)))
        differences.add({
          code: 'row_of_unknown_source',
          ...source,
          range: null,
          detail: `rows or quarantine pointers of ${sourceKey(source)}, which has neither a chain nor a place in the ledger`,
        });
    for (const appId of read.state?.txns.keys() ?? [])
      if (/^millrace\/.+\/\d+$/.test(appId) && read.ledger !== undefined && !ledgers.has(appId.slice('millrace/'.length)))
        differences.add(aboutTable('position_without_ledger', `the table's log has a position ${appId}, its ledger does not`));
    for (const source of sources) await verifyPartition(input, table, report, source, ledgers.get(sourceKey(source)), spill);
    if (input.kafka !== undefined) await verifyKafka(input.raw, input.kafka, report);
    return report;
  } finally {
    await spill.close();
  }
}

async function verifyPartition(
  input: VerifyInput,
  table: ObjectStore,
  report: VerifyReport,
  source: SourcePartition,
  ledger: PartitionLedger | undefined,
  spill: RangeSpill,
): Promise<void> {
  const fault = faultOf(report, source);
  const txn = report.table.state?.txns.get(positionAppId(source));
  const resolved = await readTableStart(table, source);
  const chainStart = await chainStartOf(input.raw, report.topic, source, fault);
  const startOffset = ledger?.startOffset ?? resolved ?? chainStart ?? 0n;
  const bounds = { startOffset, position: ledger?.position ?? txn ?? startOffset };
  if (ledger !== undefined && resolved !== undefined && resolved !== ledger.startOffset)
    fault({
      code: 'table_start_differs',
      range: { startOffset: resolved, endOffset: resolved },
      detail: `the table's start object says ${resolved}, its ledger ${ledger.startOffset}`,
    });
  const seen = nothingSeen();
  report.chains.set(sourceKey(source), seen);
  const positionEntry = { seq: ledger?.seq, range: undefined as OffsetRange | undefined };
  const runs = walkChain(input.raw, report.topic, source, seen, fault, (entry) => {
    if (entry.seq === positionEntry.seq) positionEntry.range = entry;
  });
  const found: Coverage = await sweepCoverage(runs, spill.rows(source), spill.quarantined(source), bounds, fault);
  if (chainStart !== undefined && seen.startOffset !== undefined && seen.startOffset !== chainStart)
    fault({
      code: 'chain_start_differs',
      range: { startOffset: chainStart, endOffset: seen.startOffset },
      detail: `start.json says the chain starts at ${chainStart}, its first entry says ${seen.startOffset}`,
    });
  if (ledger !== undefined) {
    compareLedger(ledger, found, txn).forEach(fault);
    const { range } = positionEntry;
    if (range === undefined || ledger.position < range.startOffset || ledger.position > range.endOffset)
      fault({
        code: 'position_outside_entry',
        range: { startOffset: ledger.position, endOffset: ledger.position },
        detail: `the ledger says position ${ledger.position} lies in chain entry ${ledger.seq}, ${range === undefined ? 'which is not there' : `which covers ${range.startOffset} to ${range.endOffset}`}`,
      });
  }
  report.partitions.push(sumsOf(found, { ...source, ...bounds, landedEnd: seen.endOffset }));
}

async function chainStartOf(
  raw: ObjectStore,
  topic: string,
  source: SourcePartition,
  fault: (fault: CoverageFault) => void,
): Promise<bigint | undefined> {
  const start = await readChainStart(raw, topic, source.topicId);
  if (start !== undefined) return startOffsetOf(start, source.partition);
  fault({
    code: 'chain_start_missing',
    range: { startOffset: 0n, endOffset: 0n },
    detail: `the chains of ${source.topicId} have no start.json`,
  });
  return undefined;
}

function faultOf(report: VerifyReport, source: SourcePartition): (fault: CoverageFault) => void {
  return ({ code, range, detail }) => report.differences.add({ code, topicId: source.topicId, partition: source.partition, range, detail });
}

async function verifyKafka(raw: ObjectStore, log: KafkaReader, report: VerifyReport): Promise<void> {
  const topic = await log.topic(report.topic);
  if (topic === undefined) {
    report.notices.push(`Kafka has no topic ${report.topic} any more: nothing to compare`);
    return;
  }
  if (topic.compacted === null)
    report.notices.push('Kafka does not tell whether the topic is compacted: records it lacks are taken for compacted');
  const older = new Set<string>();
  for (const { topicId, partition } of report.partitions) {
    const seen = report.chains.get(sourceKey({ topicId, partition }));
    if (topicId !== topic.topicId) older.add(topicId);
    else if (seen?.startOffset !== undefined) {
      checkLeader(topic, partition);
      const source = { topicId, partition };
      report.kafka.push(
        await checkAgainstKafka(
          raw,
          log,
          topic,
          source,
          { startOffset: seen.startOffset, endOffset: seen.endOffset },
          faultOf(report, source),
        ),
      );
    }
  }
  await verifyNeverLanded(raw, log, topic, report);
  for (const topicId of older)
    report.notices.push(
      `the chains of ${topicId} are of an older incarnation of the topic (now ${topic.topicId}): Kafka no longer holds it, not compared`,
    );
}

/** Every partition Kafka has now and that has no chain. Without a start.json landing has not begun, which is worth a note and no difference. */
async function verifyNeverLanded(raw: ObjectStore, log: KafkaReader, topic: KafkaTopic, report: VerifyReport): Promise<void> {
  const start = await readChainStart(raw, report.topic, topic.topicId);
  for (let partition = 0; partition < topic.partitions; partition++) {
    const source = { topicId: topic.topicId, partition };
    if (report.chains.get(sourceKey(source))?.startOffset !== undefined) continue;
    checkLeader(topic, partition);
    const first = start === undefined ? undefined : startOffsetOf(start, partition);
    const found = await checkNeverLanded(log, topic, source, first, faultOf(report, source));
    report.kafka.push(found);
    if (start === undefined && found.bounds.startOffset < found.bounds.endOffset)
      report.notices.push(
        `nothing of ${sourceKey(source)} landed, Kafka holds ${found.bounds.startOffset}-${found.bounds.endOffset}: landing of this incarnation has not begun`,
      );
  }
}

function checkLeader(topic: KafkaTopic, partition: number): void {
  if (!topic.leaders.has(partition))
    throw new MillraceError('unavailable', 'kafka_no_leader', `${topic.topic}/${partition} has no leader now`, { partition });
}

/** Words for what kept verify from checking. Pure. */
export const couldNotCheck = (error: unknown): string => `could not check: ${describeError(error)}`;
