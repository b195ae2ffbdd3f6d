import { parseArgs } from 'node:util';

export const USAGE = `usage: npm start [-- options]
  --once             produce --records, wait until they are committed, verify, print the reconciliation and end
  --records NUMBER   how many --once produces (default 200000)
  --rate NUMBER      records/s the endless demo produces (default 500)
  --demo             produce also when KAFKA_BROKERS is given
  --dir DIRECTORY    where state lies (default .millrace)
KAFKA_BROKERS, DATABASE_URL, MILLRACE_RAW_URL and MILLRACE_TABLES_URL replace the parts of their own.`;

/** What the demo was asked to do. `produce` false: only what is in the given Kafka is brought to the table. */
export type DemoOptions = { once: boolean; records: number; rate: number; produce: boolean; dir: string | undefined };

/**
 * Reads the command line. Pure.
 * @param kafkaGiven whether Kafka is given by the environment; then nothing is produced unless asked for
 * @throws Error with words for the user
 */
export function readOptions(args: readonly string[], kafkaGiven: boolean): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: 'boolean', default: false },
      records: { type: 'string', default: '200000' },
      rate: { type: 'string', default: '500' },
      demo: { type: 'boolean', default: false },
      dir: { type: 'string' },
    },
  });
  const count = (name: 'records' | 'rate', max: number): number => {
    const text = values[name];
    const number = Number(text);
    if (!/^[0-9]+$/.test(text) || number < 1 || number > max) throw new Error(`--${name} is a whole number from 1 to ${max}, not ${text}`);
    return number;
  };
  return {
    once: values.once,
    records: count('records', 1_000_000_000),
    rate: count('rate', 1_000_000),
    produce: !kafkaGiven || values.demo,
    dir: values.dir,
  };
}
