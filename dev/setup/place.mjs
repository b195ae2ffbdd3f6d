import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { announced } from './say.mjs';

/**
 * Fills a directory of the cache once. The work happens in a temporary directory beside it that is moved into place at
 * the end, so the directory is complete or absent, whoever is killed when; two set-ups at once do the work once.
 * @param {{title: string, target: string, fill: (temporary: string) => Promise<void>}} step
 */
export async function fillOnce({ title, target, fill }) {
  if (existsSync(target)) return;
  await withLock(basename(target), async () => {
    if (existsSync(target)) return;
    const parent = dirname(target);
    const prefix = `.tmp-${basename(target)}-`;
    mkdirSync(parent, { recursive: true });
    for (const name of readdirSync(parent)) {
      // Under the lock nobody works here, so this was left by a run that was killed.
      if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
    }
    const temporary = mkdtempSync(join(parent, prefix));
    try {
      await announced(title, () => fill(temporary));
      chmodSync(temporary, 0o755);
      renameSync(temporary, target);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
}
