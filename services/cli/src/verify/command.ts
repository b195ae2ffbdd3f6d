import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseKafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { metadataSecurity } from '@millrace/core/adapters/kafka/security.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { readVerifyKafkaSettings, readVerifySettings } from '../config.ts';
import { requireDatasetName, topicFromMetastore, withLake } from '../lake/open-lake.ts';
import { type Format, rendered } from '../output/format.ts';
import { KafkaLog } from './kafka-log.ts';
import { renderReport } from './render.ts';
import { reportData } from './report-data.ts';
import { couldNotCheck, type VerifyReport, verifyDataset } from './verify.ts';

export type VerifyOptions = { topic?: string | undefined; againstKafka?: boolean | undefined; output?: Format | undefined };

/**
 * `millrace verify <dataset>`: reads everything, changes nothing.
 * @returns the report
 * @throws `MillraceError` when it could not check
 */
export async function runVerify(
  dataset: string,
  options: VerifyOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<VerifyReport> {
  requireDatasetName(dataset);
  const kafkaSettings = options.againstKafka === true ? readVerifyKafkaSettings(env) : undefined;
  const settings = kafkaSettings ?? readVerifySettings(env);
  const kafka = kafkaSettings === undefined ? undefined : openKafka(kafkaSettings.KAFKA_BROKERS, kafkaSettings.KAFKA_PROPERTIES);
  try {
    return await withLake(settings, async ({ raw, tables }) => {
      const topic = options.topic ?? (await topicFromMetastore(settings.MILLRACE_METASTORE_URL, dataset));
      return verifyDataset({ dataset, topic, raw, tables, tempDir: tmpdir(), kafka });
    });
  } finally {
    await kafka?.close();
  }
}

function openKafka(brokers: string, propertiesPath: string | undefined): KafkaLog {
  const security = metadataSecurity(
    propertiesPath === undefined ? {} : parseKafkaProperties(readFileSync(propertiesPath, 'utf8'), propertiesPath),
  );
  if ('unsupported' in security)
    throw new MillraceError('invalid', 'kafka_security_unsupported', `the comparing client cannot follow ${security.unsupported}`, {
      setting: security.unsupported,
    });
  return new KafkaLog(brokers, security.options);
}

/** Prints a report, or why there is none. @returns the exit code: 0 no difference, 1 differences, 2 could not check */
export async function verifyCommand(
  dataset: string,
  options: VerifyOptions,
  env: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<0 | 1 | 2> {
  try {
    const report = await runVerify(dataset, options, env);
    print(rendered(options.output ?? 'table', reportData(report), () => renderReport(report)));
    return report.differences.count === 0 ? 0 : 1;
  } catch (error) {
    complain(couldNotCheck(error));
    return 2;
  }
}
