#!/usr/bin/env node
/**
 * `node prune.mjs <node_modules>`: leaves out of an image what no service runs. By kind of file, and by name only where a package is large;
 * licences always stay. What is wrong here shows at once: the image's own services are started from the result by a test.
 */
import { lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

/** Legal texts stay, whatever they are called. */
const LICENCE = /^(licen[cs]e|notice|copying|third.?party|copyright|authors)/i;

/** Files that a running Node never opens. TypeScript in a package is among them: Node refuses to strip types below `node_modules`. */
const NEVER_RUN = [
  { why: 'source maps', test: /\.map$/ },
  { why: 'TypeScript and its declarations', test: /\.(ts|mts|cts|tsbuildinfo|flow)$/ },
  { why: 'documentation', test: /\.(md|markdown|mdx)$/i },
  { why: 'sources of native code', test: /\.(c|cc|cpp|cxx|h|hh|hpp|gyp|gypi|s|asm)$/i },
];

/** Folders at the top of a package that are not what it exports. */
const NOT_EXPORTED = new Set(['test', 'tests', '__tests__', 'example', 'examples', 'docs', 'benchmark', 'benchmarks', '.github']);

/** Large packages of which we run a part: the names at the top of the package that stay besides package.json and licences. */
const PARTS = {
  // `build` is the compiled addon; the rest of the tarball is librdkafka's source.
  '@confluentinc/kafka-javascript': ['librdkafka.js', 'lib', 'build'],
  // The same module three times, for bundlers, browsers and Node.
  'parquet-wasm': ['node'],
  // What /docs serves; the others are builds for bundlers.
  'swagger-ui-dist': ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'],
};

const removed = new Map();

function remove(path, why) {
  removed.set(why, (removed.get(why) ?? 0) + bytesOf(path));
  rmSync(path, { recursive: true });
}

function bytesOf(path) {
  const stat = lstatSync(path);
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0) : stat.size;
}

/** Every package below a `node_modules`, nested ones too; links to workspaces are left alone. */
function* packagesIn(modules) {
  for (const entry of readdirSync(modules, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name === '.bin') continue;
    const path = join(modules, entry.name);
    if (entry.name.startsWith('@')) yield* packagesIn(path);
    else {
      yield path;
      const nested = join(path, 'node_modules');
      if (statSync(nested, { throwIfNoEntry: false })?.isDirectory()) yield* packagesIn(nested);
    }
  }
}

function prunePackage(path, name) {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const stays =
      PARTS[name] === undefined || PARTS[name].includes(entry.name) || entry.name === 'package.json' || LICENCE.test(entry.name);
    if (!stays) remove(join(path, entry.name), `parts of ${name}`);
    else if (entry.isDirectory() && NOT_EXPORTED.has(entry.name)) remove(join(path, entry.name), 'tests and examples');
    else if (entry.name !== 'node_modules') pruneFiles(join(path, entry.name), entry);
  }
}

function pruneFiles(path, entry) {
  if (entry.isDirectory()) for (const inner of readdirSync(path, { withFileTypes: true })) pruneFiles(join(path, inner.name), inner);
  else if (!LICENCE.test(basename(path))) {
    const kind = NEVER_RUN.find(({ test }) => test.test(path));
    if (kind !== undefined) remove(path, kind.why);
  }
}

const [modules] = process.argv.slice(2);
if (modules === undefined || basename(modules) !== 'node_modules') {
  process.stderr.write('usage: node prune.mjs <path of a node_modules>\n');
  process.exit(2);
}
const before = bytesOf(modules);
for (const path of [...packagesIn(modules)]) prunePackage(path, nameOf(path));

/** What its package.json says; where that has no name, where it lies. */
function nameOf(path) {
  try {
    return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).name ?? relative(modules, path);
  } catch {
    return relative(modules, path);
  }
}

const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
for (const [why, bytes] of [...removed].sort((a, b) => b[1] - a[1])) process.stdout.write(`${mb(bytes).padStart(9)}  ${why}\n`);
process.stdout.write(`${modules}: ${mb(before)} -> ${mb(bytesOf(modules))}\n`);
