import { createMetastoreClient, type MetastoreClient } from '@millrace/metastore/client/client.ts';
import { readMetastoreSettings } from './config.ts';
import type { Environment } from './output/cli.ts';

/** The metastore the environment names. @throws kind `invalid`, code `bad_settings` */
export const metastoreOf = (env: Environment): MetastoreClient => createMetastoreClient(readMetastoreSettings(env).MILLRACE_METASTORE_URL);
