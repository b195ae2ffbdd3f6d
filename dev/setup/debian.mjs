import { readFileSync } from 'node:fs';
import { run } from './exec.mjs';
import { withLock } from './lock.mjs';
import { which } from './paths.mjs';
import { announced } from './say.mjs';

export const hasApt = () => which('apt-get') !== undefined;

/** Those of the packages that dpkg does not list as installed. */
export function debianMissing(packages) {
  let status = '';
  try {
    status = readFileSync('/var/lib/dpkg/status', 'utf8');
  } catch {
    return packages;
  }
  return packages.filter(
    (name) => !new RegExp(`^Package: ${name.replace(/[+.]/g, '\\$&')}\nStatus: install ok installed`, 'm').test(status),
  );
}

/** Installs Debian packages; only root can. */
export async function debianInstall(packages) {
  await withLock('apt-get', () =>
    announced(`installing Debian packages ${packages.join(' ')}`, async () => {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const advice = `Install them by hand: apt-get install ${packages.join(' ')}`;
      await run('apt-get', ['update', '-qq'], { env, advice });
      await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env, advice });
    }),
  );
}
