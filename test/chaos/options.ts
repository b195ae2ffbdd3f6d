import { parseArgs } from 'node:util';
import { type Lane, lanes } from './schedule.ts';

/** One chaos run. */
export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly store: 's3' | 'files';
  /** records a second over all producers at most; less while tables lag */
  readonly rate: number;
  /** topics, each with one dataset */
  readonly datasets: number;
  /** of each topic */
  readonly partitions: number;
  /** a round ends with its own verification, and its topics and data are deleted */
  readonly roundMinutes: number;
  /** multiplies the pauses between faults */
  readonly pace: number;
  readonly lanes: readonly Lane[];
  /** the run fails with fewer */
  readonly faultsMin: number;
  readonly recordsMin: number;
  /** the run fails when partitions take too long to recover; no matter on a machine that does other work too */
  readonly timed: boolean;
}

export interface CommandLine extends ChaosOptions {
  /** figures as JSON go there */
  readonly json: string | undefined;
  /** figures are added to docs/reliability.json */
  readonly record: boolean;
  /** data and logs are kept even when all is well */
  readonly keep: boolean;
}

export const USAGE = `usage: npm run chaos -- [--minutes M] [--seed S] [--rate RECORDS_A_SECOND] [--store s3|files] [--datasets N] [--partitions N]
  [--round-minutes M] [--pace FACTOR] [--lanes ${Object.keys(lanes).join(',')}]
  [--faults-min N] [--records-min N] [--untimed] [--json FILE] [--record] [--keep]`;

const FAULTS_A_MINUTE_MIN = 15;
/** Of what producers could have written at the full rate. */
const RECORDS_SHARE_MIN = 0.1;
const SEED_MAX = 1_000_000;

/** @throws with the usage, for anything that is not understood */
export function readCommandLine(args: readonly string[], nowMs: number): CommandLine {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { ...text, default: '4' },
      seed: { ...text, default: String(nowMs % SEED_MAX) },
      rate: { ...text, default: '2000' },
      store: { ...text, default: 's3' },
      datasets: { ...text, default: '2' },
      partitions: { ...text, default: '6' },
      'round-minutes': { ...text, default: '10' },
      pace: { ...text, default: '1' },
      lanes: { ...text, default: Object.keys(lanes).join(',') },
      'faults-min': text,
      'records-min': text,
      json: text,
      untimed: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const number = (name: string, given: string | undefined, least: number) => {
    const value = Number(given);
    if (given === undefined || !Number.isFinite(value) || value < least)
      throw new Error(`--${name} is a number of at least ${least}, not ${given}\n${USAGE}`);
    return value;
  };
  const chosen = values.lanes.split(',').filter((name) => name !== '');
  for (const name of chosen) if (!(name in lanes)) throw new Error(`there is no lane ${name}\n${USAGE}`);
  if (values.store !== 's3' && values.store !== 'files') throw new Error(`--store is s3 or files\n${USAGE}`);
  const minutes = number('minutes', values.minutes, 0.5);
  const rate = number('rate', values.rate, 10);
  const share = chosen.length / Object.keys(lanes).length;
  return {
    minutes,
    seed: number('seed', values.seed, 0),
    store: values.store,
    rate,
    datasets: number('datasets', values.datasets, 1),
    partitions: number('partitions', values.partitions, 1),
    roundMinutes: number('round-minutes', values['round-minutes'], 0.5),
    pace: number('pace', values.pace, 0),
    lanes: chosen as Lane[],
    faultsMin: number('faults-min', values['faults-min'] ?? String(Math.floor(FAULTS_A_MINUTE_MIN * minutes * share)), 0),
    recordsMin: number('records-min', values['records-min'] ?? String(Math.floor(RECORDS_SHARE_MIN * rate * 60 * minutes)), 0),
    timed: !values.untimed,
    json: values.json,
    record: values.record,
    keep: values.keep,
  };
}
