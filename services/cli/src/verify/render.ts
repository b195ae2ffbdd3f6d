import { textTable } from '../output/text-table.ts';
import { differencesKeptMax } from './differences.ts';
import type { PartitionSums } from './equation.ts';
import { totalSums } from './equation.ts';
import type { VerifyReport } from './verify.ts';

const n = (value: bigint | number): string => value.toString();

/** What `millrace verify` prints: the table per partition, the equation, Kafka, and every difference with its range. Pure. */
export function renderReport(report: VerifyReport): string {
  const { table, differences } = report;
  const sums = totalSums(report.partitions);
  const parts = [
    table.state === undefined
      ? `dataset ${report.dataset}, topic ${report.topic}: no table at ${report.tableUrl} yet`
      : `dataset ${report.dataset}, topic ${report.topic}, table version ${table.state.version} at ${report.tableUrl} (${n(table.rows)} rows in ${table.files} files, ledger ${table.ledger?.id ?? 'unreadable'})`,
    `raw: ${rawLine(report)}`,
    textTable(
      ['partition', 'start', 'position', 'landed', 'committed', 'quarantined', 'dropped', 'gaps', 'unproven', 'pending'],
      report.partitions.map((row) => [
        `${row.topicId}/${row.partition}`,
        ...(
          [
            'startOffset',
            'position',
            'landed',
            'committed',
            'quarantined',
            'dropped',
            'gaps',
            'unproven',
            'pending',
          ] as const satisfies (keyof PartitionSums)[]
        ).map((name) => n(row[name])),
      ]),
    ),
    `landed = committed + quarantined + dropped + gaps\n${sums.landed} = ${sums.committed} + ${sums.quarantined} + ${sums.dropped} + ${sums.gaps}    pending ${sums.pending}${balance(sums)}`,
  ];
  if (report.kafka.length > 0) parts.push(renderKafka(report));
  parts.push(...report.notices.map((notice) => `note: ${notice}`));
  parts.push(differences.count === 0 ? 'no difference' : renderDifferences(report));
  return parts.join('\n\n');
}

function rawLine(report: VerifyReport): string {
  const chains = [...report.chains.values()];
  const sum = (pick: (chain: (typeof chains)[number]) => bigint) => chains.reduce((total, chain) => total + pick(chain), 0n);
  const objects = chains.reduce((total, chain) => total + chain.objects, 0);
  return `${chains.length} chains, ${n(sum((chain) => chain.entries))} entries, ${objects} objects with ${n(sum((chain) => chain.records))} records, SHA-256 of ${n(sum((chain) => chain.bytes))} bytes compared`;
}

function balance(sums: ReturnType<typeof totalSums>): string {
  const missing = sums.landed - sums.committed - sums.quarantined - sums.dropped - sums.gaps;
  return missing === 0n ? '' : `    DOES NOT BALANCE, ${missing} offsets unaccounted for`;
}

function renderKafka(report: VerifyReport): string {
  const range = (of: { startOffset: bigint; endOffset: bigint } | null) => (of === null ? '-' : `${of.startOffset}-${of.endOffset}`);
  return `against Kafka:\n${textTable(
    ['partition', 'Kafka holds', 'compared', 'equal', 'proven empty', 'compacted since', 'no longer in Kafka'],
    report.kafka.map((row) => [
      `${row.topicId}/${row.partition}`,
      range(row.bounds),
      row.landed ? range(row.compared) : 'nothing landed',
      n(row.found.equal),
      n(row.found.provenEmpty),
      n(row.found.compactedSince),
      range(row.gone),
    ]),
  )}`;
}

function renderDifferences(report: VerifyReport): string {
  const { kept, count } = report.differences;
  const lines = kept.map(({ code, topicId, partition, range, detail }) => {
    const where = topicId === null ? '' : ` ${topicId}/${partition}`;
    return `  ${code}${where}${range === null ? '' : ` [${range.startOffset}, ${range.endOffset})`}: ${detail}`;
  });
  if (count > kept.length) lines.push(`  … and ${count - kept.length} more; the first ${differencesKeptMax} are shown`);
  const codes = new Map<string, number>();
  for (const { code } of kept) codes.set(code, (codes.get(code) ?? 0) + 1);
  // said again at the end: of a long list a terminal or a log shows the tail
  const byCode = [...codes].map(([code, found]) => `${found} ${code}`).join(', ');
  return `${count} ${count === 1 ? 'DIFFERENCE' : 'DIFFERENCES'}\n${lines.join('\n')}\n${count} in all: ${byCode}`;
}
