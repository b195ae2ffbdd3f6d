import { totalSums } from './equation.ts';
import type { VerifyReport } from './verify.ts';

/**
 * A report as plain data, for programs: `-o json|yaml`. Pure. Offsets and counts are `bigint`s, decimal text when printed.
 * `differences.kept` is cut at a bound, `differences.count` is not.
 */
export function reportData(report: VerifyReport) {
  const { table, differences } = report;
  return {
    dataset: report.dataset,
    topic: report.topic,
    table: {
      url: report.tableUrl,
      version: table.state?.version ?? null,
      ledger: table.ledger?.id ?? null,
      rows: table.rows,
      files: table.files,
      bytes: table.bytes,
    },
    chains: [...report.chains].map(([source, seen]) => ({
      source,
      entries: seen.entries,
      objects: seen.objects,
      records: seen.records,
      bytes: seen.bytes,
    })),
    partitions: report.partitions,
    total: totalSums(report.partitions),
    kafka: report.kafka,
    notices: report.notices,
    differences: { count: differences.count, kept: differences.kept },
  };
}
