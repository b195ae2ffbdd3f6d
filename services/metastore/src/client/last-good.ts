import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Check } from '@millrace/core/adapters/admin/checks.ts';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { type Dataset, dataset } from '@millrace/core/domain/dataset.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import { z } from 'zod';

/** What lies on disk. A newer format is treated as no file: the metastore will give the truth again. */
const lastGoodFile = z.strictObject({ format: z.literal(1), savedAt: z.string(), datasets: z.array(dataset) });

/** So long the first question of a process may take while there is a last good answer, ms: a slow metastore must not hold up a restart. */
const firstAnswerMs = 1_000;

/** A metastore whose `datasets()` goes on with the last good answer while the real one is away. */
export interface CachedMetastore extends Metastore {
  /** For /readyz: met while there is a configuration to work with; the detail says when it is not the newest. */
  check(): Check;
}

/**
 * Keeps the last good datasets in memory and in `<stateDir>/<worker>-datasets.json` (replaced atomically, only when they change) and serves them
 * while the metastore is away, after a restart too. An unreadable or damaged file is logged and counts as none. Other calls pass through.
 * @param worker kind of worker, e.g. `phase1`; workers of one kind may share the file
 * @throws from `datasets()`: kind `unavailable` when the metastore is away and there is no last good answer
 */
export function cachedMetastore(metastore: Metastore, options: { stateDir: string; worker: string; log: Logger }): CachedMetastore {
  const { stateDir, worker, log } = options;
  const path = join(stateDir, `${worker}-datasets.json`);
  let known: { datasets: Dataset[]; savedAt: string } | undefined;
  let savedText: string | undefined;
  let looked = false;
  let away: string | undefined;

  async function fromDisk(): Promise<void> {
    if (looked) return;
    looked = true;
    try {
      const file = lastGoodFile.parse(JSON.parse(await readFile(path, 'utf8')));
      known = { datasets: file.datasets, savedAt: file.savedAt };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn({
          path,
          err: new MillraceError('corrupt', 'last_good_unreadable', 'the last good configuration cannot be read and is ignored', {}, error),
        });
    }
  }

  async function keep(datasets: Dataset[]): Promise<void> {
    known = { datasets, savedAt: new Date().toISOString() };
    const text = JSON.stringify(datasets);
    if (text === savedText) return;
    try {
      await replaceFile(stateDir, path, `${JSON.stringify({ format: 1, ...known })}\n`);
      savedText = text;
    } catch (error) {
      log.warn(
        { path, err: error },
        'the last good configuration cannot be kept on disk: a restart without the metastore would find nothing newer',
      );
    }
  }

  let asked = false;

  /** The metastore's answer; for the first question, the last good one when it is not there in time and there is one on disk. */
  async function answer(signal: AbortSignal | undefined): Promise<Dataset[]> {
    const answered = metastore.datasets(signal);
    if (asked) return answered;
    asked = true;
    answered.catch(() => undefined); // heard below, or no longer waited for
    const slow = new AbortController();
    const first = await Promise.race([
      answered.then(() => true),
      sleep(firstAnswerMs, false, { signal: slow.signal }).catch(() => true),
    ]).finally(() => slow.abort());
    if (!first) await fromDisk();
    if (first || known === undefined) return answered;
    throw new MillraceError('unavailable', 'metastore_slow', `the metastore has not answered within ${firstAnswerMs} ms`);
  }

  return {
    async datasets(signal) {
      try {
        const datasets = await answer(signal);
        if (away !== undefined) log.info('the metastore is back');
        away = undefined;
        looked = true;
        await keep(datasets);
        return datasets;
      } catch (error) {
        if (!isKind(error, 'unavailable')) throw error;
        await fromDisk();
        if (away === undefined)
          log.warn(
            { err: error, lastGood: known?.savedAt ?? null },
            known === undefined
              ? 'the metastore is away and there is no last good configuration'
              : 'the metastore is away: going on with the last good configuration',
          );
        away = describeError(error);
        if (known === undefined) throw error;
        return known.datasets;
      }
    },
    reportLanding: (report) => metastore.reportLanding(report),
    reportTable: (report) => metastore.reportTable(report),
    putSchemaVersion: (dataset, record) => metastore.putSchemaVersion(dataset, record),
    check() {
      if (away === undefined) return { name: 'metastore', ok: known !== undefined, detail: known === undefined ? 'not asked yet' : null };
      return {
        name: 'metastore',
        ok: known !== undefined,
        detail: known === undefined ? away : `${away}; working with the configuration of ${known.savedAt}`,
      };
    },
  };
}

/** Writes a file so that a reader, or we after a crash, find the old bytes or the new, never a part. */
async function replaceFile(folder: string, path: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
