import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import type { S3Connection } from '@millrace/core/adapters/s3/s3-client.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { z } from 'zod';
import type { Environment } from '../output/cli.ts';
import { type Finding, failure } from './finding.ts';
import { type KafkaAccess, readKafkaAccess } from './probe/kafka-connection.ts';
import type { Machine } from './probe/machine.ts';
import { type DoctorSettings, type Role, readDoctorSettings } from './settings.ts';

/** The metastore may take so long to name the datasets' topics, ms; then what the workers keep on disk names them. */
const namedWithinMs = 5_000;

/** What a doctor's run looks at. */
export type Context = {
  settings: DoctorSettings;
  roles: readonly Role[];
  /** of the settings themselves */
  findings: readonly Finding[];
  s3: S3Connection;
  /** undefined when KAFKA_BROKERS is missing or KAFKA_PROPERTIES cannot be used */
  kafka: KafkaAccess | undefined;
  properties: KafkaProperties;
  machine: Machine;
  /** topics of all datasets, and who named them; asked once */
  topics(): Promise<{ names: string[]; by: string }>;
};

/** Reads environment and properties file; asks nobody yet. */
export function createContext(env: Environment, options: { roles: readonly Role[]; topics: readonly string[]; machine: Machine }): Context {
  const { settings, roles, findings } = readDoctorSettings(env, options.roles);
  let kafka: KafkaAccess | undefined;
  try {
    if (settings.KAFKA_BROKERS !== undefined) kafka = readKafkaAccess(settings.KAFKA_BROKERS, settings.KAFKA_PROPERTIES);
  } catch (error) {
    findings.push(failure(describeError(error), 'correct that file, or point KAFKA_PROPERTIES at another one'));
  }
  let named: Promise<{ names: string[]; by: string }> | undefined;
  return {
    settings,
    roles,
    findings,
    s3: { forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE },
    kafka,
    properties: kafka?.properties ?? {},
    machine: options.machine,
    topics() {
      named ??= nameTopics(settings, options.topics);
      return named;
    },
  };
}

async function nameTopics(settings: DoctorSettings, given: readonly string[]): Promise<{ names: string[]; by: string }> {
  const unique = (names: readonly string[]) => [...new Set([...given, ...names])].sort();
  try {
    const datasets = await createMetastoreClient(settings.MILLRACE_METASTORE_URL).datasets(AbortSignal.timeout(namedWithinMs));
    return { names: unique(datasets.map(({ kafkaTopic }) => kafkaTopic)), by: 'the metastore' };
  } catch {
    const kept = await Promise.all(['phase1', 'phase2'].map((worker) => lastGoodTopics(settings.MILLRACE_STATE_DIR, worker)));
    return { names: unique(kept.flat()), by: kept.flat().length > 0 ? 'the last good configuration on disk' : 'nobody' };
  }
}

const lastGood = z.object({ datasets: z.array(z.object({ kafkaTopic: z.string() })) });

/** What a worker keeps for when the metastore is away; none when it cannot be read. @see the metastore client's last-good file */
async function lastGoodTopics(stateDir: string, worker: string): Promise<string[]> {
  try {
    return lastGood
      .parse(JSON.parse(await readFile(join(stateDir, `${worker}-datasets.json`), 'utf8')))
      .datasets.map(({ kafkaTopic }) => kafkaTopic);
  } catch {
    return [];
  }
}
