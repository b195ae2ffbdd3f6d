import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bugs } from './bugs.ts';
import { planted } from './plant.ts';

/*
 * Loaded with `node --import` by tests alone: changes the text of some source files on their way into the engine, as the bug says that TEST_PLANTED_BUG names.
 * Processes and threads that inherit the command line or NODE_OPTIONS get the same bug.
 */

const root = new URL('../../', import.meta.url);
const name = process.env.TEST_PLANTED_BUG ?? '';
if (name !== '') {
  const bug = bugs.find((each) => each.name === name);
  if (bug === undefined) throw new Error(`TEST_PLANTED_BUG: there is no planted bug ${name}`);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const patches = bug.patches.filter(({ file }) => url === new URL(file, root).href);
      if (patches.length === 0) return loaded;
      const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
      return { ...loaded, source: planted(source, patches, fileURLToPath(url)) };
    },
  });
}
