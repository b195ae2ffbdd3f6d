import { readSettings, settingShapes } from '@millrace/core/domain/settings.ts';
import { z } from 'zod';
import { Lake } from '../demo/lake.ts';

const { MILLRACE_RAW_URL, MILLRACE_TABLES_URL, MILLRACE_S3_FORCE_PATH_STYLE } = settingShapes;
const WIDTH = 120;

/** `npm run rows -- DATASET`: the first rows of a table, as DuckDB reads its Parquet files. */
const [dataset, ...others] = process.argv.slice(2);
if (dataset === undefined || others.length > 0) {
  process.stderr.write('usage: npm run rows -- DATASET\n');
  process.exit(2);
}
const settings = readSettings(z.object({ MILLRACE_RAW_URL, MILLRACE_TABLES_URL, MILLRACE_S3_FORCE_PATH_STYLE }), process.env);
const lake = new Lake(settings.MILLRACE_RAW_URL, settings.MILLRACE_TABLES_URL, dataset, dataset, settings.MILLRACE_S3_FORCE_PATH_STYLE);
const rows = await lake.someRows(process.stdout.columns || WIDTH).finally(() => lake.close());
process.stdout.write(`${rows ?? `${dataset} has no rows yet`}\n`);
process.exitCode = rows === undefined ? 1 : 0;
