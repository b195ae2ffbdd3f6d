/** Tables may lag by what producers write at the full rate in this time, s, before they slow down; below a quarter of it they hurry again. */
const LAG_SECONDS_MAX = 40;
const SLOWER = 0.6;
const FASTER = 1.5;
/** Records a second; a run always has some load. */
const RATE_MIN = 100;
/** Smaller changes are not worth a restart of the producers. */
const CHANGE_MIN = 0.05;

/**
 * What all producers together should write from now on, records a second: as much as the tables keep up with. Pure.
 * @param lag offsets that Kafka has and the tables have not
 * @param limit never more
 */
export function nextRate(rate: number, lag: number, limit: number): number {
  // of the full rate, not of the present one: slowed down to a trickle, producers would else wait until nearly nothing lags
  const seconds = lag / limit;
  const wanted = seconds > LAG_SECONDS_MAX ? rate * SLOWER : seconds < LAG_SECONDS_MAX / 4 ? rate * FASTER : rate;
  const next = Math.round(Math.min(limit, Math.max(Math.min(RATE_MIN, limit), wanted)));
  return Math.abs(next - rate) < rate * CHANGE_MIN ? rate : next;
}
