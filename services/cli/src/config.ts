import { readSettings, settingShapes } from '@millrace/core/domain/settings.ts';
import { z } from 'zod';

const { MILLRACE_RAW_URL, MILLRACE_TABLES_URL, MILLRACE_S3_FORCE_PATH_STYLE, MILLRACE_METASTORE_URL, KAFKA_BROKERS, KAFKA_PROPERTIES } =
  settingShapes;

/** What commands that only ask the metastore need. */
const metastoreSettings = z.object({ MILLRACE_METASTORE_URL });
/** What `verify` needs; with `--against-kafka` also the brokers. */
const verifySettings = z.object({
  MILLRACE_RAW_URL,
  MILLRACE_TABLES_URL,
  MILLRACE_S3_FORCE_PATH_STYLE,
  MILLRACE_METASTORE_URL,
  KAFKA_PROPERTIES,
});
/** Everything the command line is configured by. */
export const verifyKafkaSettings = verifySettings.extend({ KAFKA_BROKERS });

type Environment = Readonly<Record<string, string | undefined>>;

export const readMetastoreSettings = (env: Environment) => readSettings(metastoreSettings, env);
export const readVerifySettings = (env: Environment) => readSettings(verifySettings, env);
export const readVerifyKafkaSettings = (env: Environment) => readSettings(verifyKafkaSettings, env);
