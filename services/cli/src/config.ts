import { readSettings, settingShapes } from '@millrace/core/domain/settings.ts';
import { z } from 'zod';
import type { Environment } from './output/cli.ts';

const {
  MILLRACE_RAW_URL,
  MILLRACE_TABLES_URL,
  MILLRACE_S3_FORCE_PATH_STYLE,
  MILLRACE_METASTORE_URL,
  MILLRACE_GROUP_PREFIX,
  KAFKA_BROKERS,
  KAFKA_PROPERTIES,
} = settingShapes;

/** What commands that only ask the metastore need. */
const metastoreSettings = z.object({ MILLRACE_METASTORE_URL });
/** What `lag` needs: it names the consumer groups. */
const lagSettings = metastoreSettings.extend({ MILLRACE_GROUP_PREFIX });
/** What commands that read the stores need. */
const lakeSettings = metastoreSettings.extend({ MILLRACE_RAW_URL, MILLRACE_TABLES_URL, MILLRACE_S3_FORCE_PATH_STYLE });
/** What `verify` needs; with `--against-kafka` also the brokers. */
const verifySettings = lakeSettings.extend({ KAFKA_PROPERTIES });
const verifyKafkaSettings = verifySettings.extend({ KAFKA_BROKERS });
/** Everything the command line is configured by; `doctor` looks at the settings of the services besides. */
export const cliSettings = verifyKafkaSettings.extend(lagSettings.shape);

export const readMetastoreSettings = (env: Environment) => readSettings(metastoreSettings, env);
export const readLagSettings = (env: Environment) => readSettings(lagSettings, env);
export const readLakeSettings = (env: Environment) => readSettings(lakeSettings, env);
export const readVerifySettings = (env: Environment) => readSettings(verifySettings, env);
export const readVerifyKafkaSettings = (env: Environment) => readSettings(verifyKafkaSettings, env);
