import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { createProgram } from '@millrace/cli/program.ts';
import { unknownSettings } from '@millrace/core/domain/settings.ts';
import { openApiDocument } from '@millrace/metastore/http/openapi.ts';
import { describe, expect, test } from 'vitest';
import { references } from '../../dev/docs/references.ts';
import { callsOf, wrongCall } from './command-lines.ts';
import { anchorsOf, localLinks } from './links.ts';
import { blocksOf, isCommands, stepsOf } from './pages.ts';
import { pagesOfTheSite, RUN_PAGES, read, root } from './site.ts';

/** The short form of the documentation's tests: pages hold together and say what the code says. The long one runs them (`npm run test:docs`). */

const pages = pagesOfTheSite();
/** What is wrong over all pages, each with its page. */
const inAll = (look: (text: string, page: string) => readonly string[]): string[] =>
  pages.flatMap((page) => look(read(page), page).map((problem) => `${page}: ${problem}`));

/** Names of metrics in a text; a wild card (`millrace_alone_*`) names several. */
const metricsIn = (text: string): string[] => [...text.matchAll(/\bmillrace_[a-z0-9_]+(?![a-z0-9_]*\*)/g)].map(([name]) => name);

test.each(references.map(({ file, write }) => [file, write] as const))('%s is what the code says', async (file, write) => {
  expect(read(file), 'npm run docs:generate').toBe(await write());
});

describe('commands', () => {
  test.each(RUN_PAGES)('every block of %s is run, or says why not', (page) => {
    const blocks = blocksOf(read(page));
    const silent = blocks.filter((block) => !isCommands(block) && block.language !== 'text' && block.language !== 'mermaid');
    expect(silent.map(({ line, language }) => `line ${line}: a block of ${language || 'no language'} is neither run nor text`)).toEqual([]);
    expect(stepsOf(blocks).length).toBeGreaterThan(5);
  });

  test.each(RUN_PAGES)('a shell can read every block of %s', (page) => {
    const script = stepsOf(blocksOf(read(page)))
      .map(({ script: text, line }) => `# line ${line}\n${text}`)
      .join('\n');
    const { stderr } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
    expect(stderr).toBe('');
  });

  test('every call of millrace is one that the command line knows', () => {
    const program = createProgram();
    const wrong = inAll((text) =>
      callsOf(text).flatMap((call) => {
        const problem = wrongCall(program, call);
        return problem === undefined ? [] : [`millrace ${call.words.join(' ')}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('every npm script that is named exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const wrong = inAll((text) =>
      [...text.matchAll(/npm run (?:--silent )?([a-z][a-z0-9:-]*)/g)].flatMap(([, name]) =>
        name !== undefined && name in scripts ? [] : [`${name}`],
      ),
    );
    expect(wrong).toEqual([]);
  });
});

describe('names', () => {
  test('every setting that is named is one', () => {
    const wrong = inAll((text) => {
      const named = [...text.matchAll(/\bMILLRACE_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);
      return unknownSettings(Object.fromEntries(named.map((name) => [name, 'x'])));
    });
    expect(wrong).toEqual([]);
  });

  test('every metric that is named is in the reference', () => {
    const known = new Set([...read('docs/reference/metrics.md').matchAll(/`(millrace_[a-z0-9_]+)`/g)].map(([, name]) => name));
    const wrong = inAll((text, page) =>
      // names of the past may stand there
      (page === 'CHANGELOG.md' ? [] : [...metricsIn(text)]).filter(
        (name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test('every path of the API that is named is one', () => {
    const known = Object.keys(openApiDocument().paths).map((path) => path.replaceAll(/\{[^}]*\}/g, '{}'));
    const wrong = inAll((text) =>
      [...text.matchAll(/(?<!\/api)\/v1\/[a-z{}/<>]*[a-z}>]/g)].flatMap(([path]) =>
        known.some((one) => one.startsWith(path.replaceAll(/\{[^}]*\}|<[^>]*>|(?<=datasets\/)(orders|events)\b/g, '{}'))) ? [] : [path],
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("no page names somebody's machine, or where its packages come from", () => {
    const forbidden =
      /(?<![\w.~-])\/(?:root|Users|home\/(?!you\/)[\w.-]+)\/|https?:\/\/[^\s/)]*\b(?:registry|proxy|mirror|packages)\b[^\s/)]*/g;
    expect(inAll((text) => [...text.matchAll(forbidden)].map(([word]) => word))).toEqual([]);
  });
});

describe('links', () => {
  test('lead to a file, and to a heading in it', () => {
    const wrong = inAll((text, page) =>
      localLinks(text).flatMap(({ line, target, anchor }) => {
        const file = target === '' ? page : normalize(join(dirname(page), decodeURIComponent(target)));
        if (!existsSync(join(root, file))) return [`line ${line}: ${target} is not there`];
        if (anchor === undefined || statSync(join(root, file)).isDirectory()) return [];
        return anchorsOf(read(file)).has(anchor) ? [] : [`line ${line}: ${file} has no heading #${anchor}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('every page is found from the index or from a page in it', () => {
    const reached = new Set<string>(['README.md', 'docs/README.md']);
    for (const page of reached)
      for (const { target } of page.endsWith('.md') ? localLinks(read(page)) : []) {
        const file = normalize(join(dirname(page), decodeURIComponent(target)));
        // a link to a folder shows its pages
        for (const one of pages) if (one === file || dirname(one) === file.replace(/\/$/, '')) reached.add(one);
      }
    expect(pages.filter((page) => !reached.has(page))).toEqual([]);
  });
});
