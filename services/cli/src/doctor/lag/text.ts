import type { Cli } from '../../output/cli.ts';
import { textTable } from '../../output/text-table.ts';
import { type JudgedLeg, legsToRestart } from './legs.ts';
import type { Restarted } from './restart.ts';

const styles = { ok: 'green', over: 'red', stuck: 'red', paused: 'yellow', unknown: 'yellow' } as const;

/** The table for people, below it what it comes to, what each dataset waits for, and what was done. Pure but for colours. */
export function lagText(
  paint: Cli['paint'],
  legs: readonly JudgedLeg[],
  restarted: readonly Pick<Restarted, 'says'>[],
  maxSeconds: number,
): string {
  if (legs.length === 0) return 'no datasets';
  const rows = legs.map(({ dataset, topic, leg, records, seconds, verdict }) => [
    dataset,
    topic,
    leg,
    records === null ? '?' : String(records),
    seconds === null ? '?' : seconds.toFixed(1),
    verdict,
  ]);
  const table = textTable(['DATASET', 'TOPIC', 'LEG', 'LAG', 'SECONDS', 'VERDICT'], rows, {
    head: (cell) => paint('bold', cell),
    cell: (cell, column) => (column === 5 ? paint(styles[cell as keyof typeof styles], cell) : cell),
  });
  const waiting = legs.flatMap(({ dataset, verdict, waitsFor }) =>
    waitsFor === null || verdict === 'ok' ? [] : [`${dataset} waits for: ${waitsFor}`],
  );
  const stuck = legsToRestart(legs);
  const hint =
    stuck.length > 0 && restarted.length === 0
      ? [`stuck: ${stuck.join(' and ')}; look at the workers' logs, or restart them (--restart in Kubernetes)`]
      : [];
  return [table, '', summary(legs, maxSeconds), ...new Set(waiting), ...hint, ...restarted.map(({ says }) => says)].join('\n');
}

/** Never says of a leg that is unknown or paused that it is in time. */
function summary(legs: readonly JudgedLeg[], maxSeconds: number): string {
  const count = (...verdicts: JudgedLeg['verdict'][]) => legs.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const late = count('over', 'stuck');
  const unknown = count('unknown');
  const parts = [
    ...(late > 0 ? [`${late} of ${legs.length} legs are later than ${maxSeconds} s`] : []),
    ...(unknown > 0 ? [`${unknown} of ${legs.length} legs are unknown: it could not be asked how much waits`] : []),
  ];
  if (parts.length > 0) return parts.join('; ');
  return count('paused') > 0 ? `every leg that is not paused is within ${maxSeconds} s` : `every leg is within ${maxSeconds} s`;
}
