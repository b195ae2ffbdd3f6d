import { cpus, loadavg, totalmem } from 'node:os';
import { textTable } from '@millrace/cli/output/text-table.ts';
import type { Measured, Round } from './rounds.ts';

export type BenchResult = { words: string; records: number; bytes: number; rounds: Round[] };

/** The value in the middle; of an even number the lower one. Pure. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** The machine, in a line. */
export function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} x ${cpu?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform}-${process.arch}, load ${loadavg()
    .map((load) => load.toFixed(1))
    .join(' ')} at the end`;
}

/** Both comparisons over one kind of data, by medians. Ratios are medians of the ratios inside each round. Pure. */
export function renderResult({ words, records, bytes, rounds }: BenchResult): string {
  const line = (name: string, pick: (round: Round) => Measured, against?: (round: Round) => Measured): string[] => {
    const seconds = median(rounds.map((round) => pick(round).seconds));
    const cpu = median(rounds.map((round) => pick(round).cpuSeconds));
    const ratio = (of: (measured: Measured) => number) =>
      against === undefined ? '' : median(rounds.map((round) => of(against(round)) / of(pick(round)))).toFixed(2);
    return [
      name,
      Math.round(records / seconds).toLocaleString('en-US'),
      (bytes / seconds / 1e6).toFixed(0),
      ((cpu * 1e6) / records).toFixed(1),
      ratio((measured) => measured.seconds),
      ratio((measured) => measured.cpuSeconds),
    ];
  };
  const rows = [
    line('bare consume(n, cb)', (round) => round.consume),
    line(
      'phase 1',
      (round) => round.phase1,
      (round) => round.consume,
    ),
    line('bare JSON.parse', (round) => round.parse),
    line(
      'phase 2',
      (round) => round.phase2,
      (round) => round.parse,
    ),
  ];
  const head = ['', 'records/s', 'MB/s', 'CPU µs a record', 'x bare, time', 'x bare, CPU'];
  return `${words}: ${records.toLocaleString('en-US')} records, ${Math.round(bytes / records)} bytes of JSON each, medians of ${rounds.length} alternated rounds\n${textTable(head, rows)}`;
}
