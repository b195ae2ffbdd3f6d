import { setTimeout as sleep } from 'node:timers/promises';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { readSettings, settingShapes } from '@millrace/core/domain/settings.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { z } from 'zod';
import { someRows } from './demo/rows.ts';

/*
 * `entrypoint.mjs rows DATASET`: waits until a table has rows and prints some of them. Exit 0 shown, 1 none within 5 minutes.
 */

const WIDTH = 140;
const waitMaxMs = 300_000;
const pauseMs = 1_000;

const { MILLRACE_TABLES_URL, MILLRACE_S3_FORCE_PATH_STYLE } = settingShapes;

async function main(dataset: string): Promise<number> {
  const settings = readSettings(z.object({ MILLRACE_TABLES_URL, MILLRACE_S3_FORCE_PATH_STYLE }), process.env);
  const tables = openObjectStore(settings.MILLRACE_TABLES_URL, { forcePathStyle: settings.MILLRACE_S3_FORCE_PATH_STYLE });
  try {
    for (const deadline = Date.now() + waitMaxMs; Date.now() < deadline; await sleep(pauseMs)) {
      const rows = await someRows(scopedStore(tables, dataset), process.stdout.columns || WIDTH).catch((error: unknown) => {
        if (isKind(error, 'unavailable')) return undefined;
        throw error;
      });
      if (rows === undefined) continue;
      process.stdout.write(`the first rows of ${tables.url}/${dataset}:\n${rows}\n`);
      return 0;
    }
    process.stderr.write(`${dataset} has no rows yet\n`);
    return 1;
  } finally {
    await tables.close();
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(1));
const [dataset, ...others] = process.argv.slice(2);
if (dataset === undefined || others.length > 0) {
  process.stderr.write('usage: rows DATASET\n');
  process.exit(2);
}
main(dataset).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`rows: ${describeError(error)}\n`);
    process.exit(1);
  },
);
