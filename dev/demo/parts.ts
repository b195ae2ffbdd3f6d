import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startKafka } from '../stack/kafka.ts';
import { startPostgres } from '../stack/postgres.ts';
import type { ServiceAddresses } from './services.ts';

/** What the services run on, and how to end what of it is ours. */
export type Parts = ServiceAddresses & { stopKafka(): Promise<void>; stop(): Promise<void>; kill(): Promise<void> };

/** Starts Kafka and PostgreSQL under `stateDir`, each unless the environment gives one; the lake is a folder unless it is given. */
export async function startParts(stateDir: string, env: Readonly<NodeJS.ProcessEnv>): Promise<Parts> {
  const folder = (name: string): string => {
    const path = join(stateDir, 'lake', name);
    mkdirSync(path, { recursive: true });
    return pathToFileURL(path).href;
  };
  const begun = await Promise.allSettled([
    env.KAFKA_BROKERS ? undefined : startKafka({ dir: join(stateDir, 'kafka'), brokers: 1 }),
    env.DATABASE_URL ? undefined : startPostgres({ dir: join(stateDir, 'postgres') }),
  ]);
  const [kafka, postgres] = begun.map((result) => (result.status === 'fulfilled' ? result.value : undefined)) as [
    Awaited<ReturnType<typeof startKafka>> | undefined,
    Awaited<ReturnType<typeof startPostgres>> | undefined,
  ];
  const end = (how: 'stop' | 'kill') => async () => {
    await Promise.all([kafka?.[how](), postgres?.[how]()]);
  };
  const failure = begun.find((result) => result.status === 'rejected');
  if (failure !== undefined) {
    await end('kill')();
    throw failure.reason;
  }
  return {
    kafkaBrokers: env.KAFKA_BROKERS || kafka?.brokers || '',
    databaseUrl: env.DATABASE_URL || postgres?.url || '',
    rawUrl: env.MILLRACE_RAW_URL || folder('raw'),
    tablesUrl: env.MILLRACE_TABLES_URL || folder('tables'),
    stopKafka: async () => kafka?.stop(),
    stop: end('stop'),
    kill: end('kill'),
  };
}
