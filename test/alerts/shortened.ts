import { withDurations } from '../support/promql.ts';
import { type AlertRule, isAlert, type RecordingRule, type RuleFile } from './rule-files.ts';

/*
 * The same rules in fast motion: what takes an hour takes a minute. Only time is touched: windows, offsets, `for` and the intervals of groups.
 * What is compared stays, so an age of 300 s is one of 300 s.
 */

const unitMs = { y: 31_536_000_000, w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** A Prometheus duration (`1h30m`, `15s`, `0`) in ms. Pure. @throws when it is none */
export function durationMs(text: string): number {
  if (text === '0') return 0;
  if (!/^(\d+(ms|[ywdhms]))+$/.test(text)) throw new Error(`${text} is not a duration`);
  return [...text.matchAll(/(\d+)(ms|[ywdhms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs],
    0,
  );
}

/** A duration divided, as Prometheus reads it. Pure. @throws when less than a millisecond would be left over */
export function divided(duration: string, by: number): string {
  const ms = durationMs(duration) / by;
  if (!Number.isInteger(ms)) throw new Error(`${duration} / ${by} is no whole number of milliseconds`);
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

/** A rule file whose every duration is divided. Pure. */
export function shortened(file: RuleFile, by: number): RuleFile {
  const expr = (text: string) => withDurations(text, (duration) => divided(duration, by));
  const rule = (one: AlertRule | RecordingRule) =>
    isAlert(one) ? { ...one, expr: expr(one.expr), for: divided(one.for, by) } : { ...one, expr: expr(one.expr) };
  return {
    groups: file.groups.map((group) => ({
      ...group,
      ...(group.interval === undefined ? {} : { interval: divided(group.interval, by) }),
      rules: group.rules.map(rule),
    })),
  };
}
