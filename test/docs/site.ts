import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Pages whose commands are run from top to bottom by `npm run test:docs`. */
export const RUN_PAGES = ['docs/quick-start.md', 'docs/operations.md'] as const;

/** Every page for readers, relative to the checkout. */
export function pagesOfTheSite(): string[] {
  const under = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...under('docs'), ...under('deploy')].sort();
}

export const read = (page: string): string => readFileSync(join(root, page), 'utf8');
