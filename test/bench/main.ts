import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serviceEnvironment } from '../../dev/demo/services.ts';
import { startKafka } from '../../dev/stack/kafka.ts';
import { createPart } from '../../dev/stack/part.ts';
import { choosePort } from '../../dev/stack/ports.ts';
import { startPostgres } from '../../dev/stack/postgres.ts';
import { flatOrders, nestedEvents, produceData } from './data.ts';
import { type BenchResult, machine, renderResult } from './report.ts';
import { type Bench, type Round, runRound } from './rounds.ts';

/*
 * `npm run bench`: phase 1 beside a bare consume loop of the same client, phase 2 beside a bare JSON.parse loop, in one run on one machine.
 * Absolute numbers belong to the machine; the ratios travel.
 */
const { values } = parseArgs({ options: { records: { type: 'string', default: '200000' }, rounds: { type: 'string', default: '3' } } });
const records = Number(values.records);
const rounds = Number(values.rounds);
if (!(records >= 1_000) || !(rounds >= 1)) {
  process.stderr.write('usage: npm run bench [-- --records NUMBER (at least 1000) --rounds NUMBER]\n');
  process.exit(2);
}
/** Nested events are about five times as large. */
const NESTED_SHARE = 4;

const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const say = (text: string) => void process.stderr.write(`${text}\n`);
const [kafka, postgres] = await Promise.all([
  startKafka({ dir: join(dir, 'kafka'), brokers: 1 }),
  startPostgres({ dir: join(dir, 'postgres') }),
]);
const [port, adminPort] = [await choosePort(8_180), await choosePort(9_200)];
const metastoreUrl = `http://127.0.0.1:${port}`;
const metastore = createPart({
  name: 'metastore',
  dir,
  command: process.execPath,
  args: [fileURLToPath(new URL('../../services/metastore/src/main.ts', import.meta.url))],
  env: {
    ...serviceEnvironment(process.env),
    DATABASE_URL: postgres.url,
    PORT: String(port),
    MILLRACE_ADMIN_PORT: String(adminPort),
    LOG_LEVEL: 'warn',
  },
  stopSignal: 'SIGTERM',
  isReady: async () => (await fetch(`${metastoreUrl}/readyz`).catch(() => undefined))?.ok ?? false,
});
process.once('SIGINT', () => process.exit(130)); // the watchdog of the parts ends them
try {
  await metastore.start();
  const bench: Bench = { brokers: kafka.brokers, databaseUrl: postgres.url, metastoreUrl, dir };
  const results: BenchResult[] = [];
  for (const [data, count] of [
    [flatOrders, records],
    [nestedEvents, Math.ceil(records / NESTED_SHARE)],
  ] as const) {
    say(`producing ${count} ${data.name} …`);
    const bytes = await produceData(kafka.brokers, data.name, data, count);
    const measured: Round[] = [];
    for (let turn = 0; turn < rounds; turn++) {
      say(`${data.name}: round ${turn + 1} of ${rounds} …`);
      measured.push(await runRound(bench, data, data.name, count, turn));
    }
    results.push({ words: data.words, records: count, bytes, rounds: measured });
  }
  process.stdout.write(
    `\n${results.map(renderResult).join('\n\n')}\n\nmachine: ${machine()}\nsetup: one Kafka broker on the same machine, 2 partitions, lake in files, zstd 1, the rest of a buffer or batch sealed after 0.5 s; each contender a process of its own, one at a time\n`,
  );
} finally {
  await metastore.stop();
  await Promise.all([kafka.stop(), postgres.stop()]);
  rmSync(dir, { recursive: true, force: true });
}
