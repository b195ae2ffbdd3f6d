import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './exec.mjs';
import { withLock } from './lock.mjs';
import { isRoot, prometheusDir, prometheusTool, prometheusTools } from './paths.mjs';
import { fillOnce } from './place.mjs';
import { SetupError } from './say.mjs';

const ADVICE =
  'Install Prometheus (Debian: apt-get install prometheus; macOS: brew install prometheus) so that prometheus and promtool are in PATH.';

/**
 * Brings `prometheus` and `promtool`: those in PATH, else those of Debian's package, unpacked into the cache. It is not installed, because
 * that would start a server that keeps a port, and needs root. The binaries are linked against the C library only.
 */
export async function ensurePrometheus() {
  if (prometheusTools.every((name) => prometheusTool(name) !== undefined)) return;
  await fillOnce({
    title: 'Prometheus and promtool (from the Debian package, 19 MB)',
    target: prometheusDir,
    fill: async (temporary) => {
      const work = join(temporary, 'work');
      mkdirSync(work);
      // apt fetches as a user of its own where it can
      for (const directory of [temporary, work]) chmodSync(directory, 0o777);
      await download(work);
      const deb = readdirSync(work).find((name) => name.endsWith('.deb'));
      if (deb === undefined) throw new SetupError('apt-get download brought no package', ADVICE);
      await run('dpkg-deb', ['-x', join(work, deb), join(work, 'unpacked')], { advice: ADVICE });
      for (const name of prometheusTools) renameSync(join(work, 'unpacked', 'usr', 'bin', name), join(temporary, name));
      rmSync(work, { recursive: true });
    },
  });
}

/** A fresh machine has no package lists yet; only root can fetch them. */
async function download(directory) {
  const fetchIt = () => run('apt-get', ['-qq', 'download', 'prometheus'], { cwd: directory, advice: ADVICE });
  try {
    await fetchIt();
  } catch (error) {
    if (!isRoot()) throw error;
    await withLock('apt-get', () => run('apt-get', ['update', '-qq'], { advice: ADVICE }));
    await fetchIt();
  }
}
