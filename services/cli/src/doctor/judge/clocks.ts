import { durationText, type Finding, failure, ok, unknown, warning } from '../finding.ts';

/** Clocks so far apart are told, ms, and so far apart are a failure: S3 refuses requests at 15 minutes, and lags and minute folders lie long before. */
const toldMs = 5_000;
const failureMs = 60_000;

/** Another machine's clock: how far it is ahead of ours, ms (negative: behind), give or take the second that HTTP dates are cut to. */
export type ClockReading = { name: string; aheadMs: number };

/**
 * Whose clock is wrong is decided by the majority, ours among them. Pure.
 * @param readings of those that answered
 */
export function judgeClocks(readings: readonly ClockReading[]): Finding[] {
  if (readings.length === 0) return [unknown('nobody else told the time')];
  const off = readings.filter(({ aheadMs }) => Math.abs(aheadMs) >= toldMs);
  if (off.length === 0) return [ok(`within ${toldMs / 1000} s of ${readings.map(({ name }) => name).join(', ')}`)];
  const agreeing = off.length > 1 && spread(off) < toldMs && off.length > readings.length - off.length;
  const level = (aheadMs: number) => (Math.abs(aheadMs) >= failureMs ? failure : warning);
  if (agreeing) {
    const first = off[0] as ClockReading;
    return [
      level(first.aheadMs)(
        `this machine's clock is ${durationText(first.aheadMs)} ${first.aheadMs > 0 ? 'behind' : 'ahead of'} ${off.map(({ name }) => name).join(' and ')}`,
        'correct the clock of this machine: run an NTP service (chrony, systemd-timesyncd) here or on the host of this container',
      ),
    ];
  }
  return off.map(({ name, aheadMs }) =>
    level(aheadMs)(
      `the clock of ${name} is ${durationText(aheadMs)} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
      `correct the clocks: run an NTP service (chrony, systemd-timesyncd) on both machines; ${readings.length === 1 ? 'with two clocks nobody knows which one is wrong' : `the others agree with this machine, so look at ${name} first`}`,
    ),
  );
}

function spread(readings: readonly ClockReading[]): number {
  const all = readings.map(({ aheadMs }) => aheadMs);
  return Math.max(...all) - Math.min(...all);
}
