import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { cleanEnv, run } from './exec.mjs';
import { withLock } from './lock.mjs';
import { root, shortHash } from './paths.mjs';
import { announced } from './say.mjs';

/**
 * Installs the dependencies when `node_modules` does not hold what `package-lock.json` says.
 * Their install scripts never run: the addon's own one deletes all of `node_modules` when it fails.
 */
export async function ensureDependencies(node) {
  if (dependenciesMatch()) return;
  await withLock(`npm-${shortHash(root)}`, async () => {
    if (dependenciesMatch()) return;
    await announced('dependencies (npm ci)', () =>
      run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], {
        cwd: root,
        env: cleanEnv({ PATH: `${dirname(node.binary)}${delimiter}${process.env.PATH}` }),
        advice: 'Is the npm registry in reach? If package-lock.json and package.json disagree, run "npm install --ignore-scripts".',
      }),
    );
  });
}

/**
 * Does the tree that npm last finished writing hold every package of the lock file, in its version? npm writes its own
 * list into `node_modules` at the very end of an installation, so a half-done one does not match.
 */
function dependenciesMatch() {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/')) return true;
    const have = present[path];
    if (!have) return entry.optional === true || entry.peer === true;
    if (entry.link) return existsSync(join(root, path));
    return have.version === entry.version && have.integrity === entry.integrity;
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
