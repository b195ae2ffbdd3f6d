import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cleanEnv, run } from './exec.mjs';
import { nodeDir, platform } from './paths.mjs';
import { NODE_OLDEST, NODE_VERSION } from './pins.mjs';
import { fillOnce } from './place.mjs';
import { atLeast } from './tools.mjs';

const currentVersion = process.versions.node.split('.').map(Number);

/**
 * The Node that the project runs under: the current one if it is new enough, else a pinned one from npm.
 * @returns {Promise<{binary: string, abi: string, version: string}>}
 */
export async function ensureNode() {
  if (atLeast(currentVersion, NODE_OLDEST)) {
    return { binary: process.execPath, abi: process.versions.modules, version: process.versions.node };
  }
  const directory = await bringNode(NODE_VERSION);
  return { binary: join(directory, 'bin', 'node'), abi: readFileSync(join(directory, 'abi'), 'utf8'), version: NODE_VERSION };
}

/**
 * A directory with `include/node` of exactly that Node, for building addons: beside the binary, else from npm.
 */
export async function nodeHeaders(node) {
  const prefix = dirname(dirname(node.binary));
  const header = join(prefix, 'include', 'node', 'node_version.h');
  if (existsSync(header)) {
    const text = readFileSync(header, 'utf8');
    const [major, minor] = ['MAJOR', 'MINOR'].map((part) => new RegExp(`NODE_${part}_VERSION (\\d+)`).exec(text)?.[1]);
    if (node.version.startsWith(`${major}.${minor}.`)) return prefix;
  }
  return bringNode(node.version);
}

async function bringNode(version) {
  const target = nodeDir(version);
  await fillOnce({
    title: `Node ${version} (about 45 MB)`,
    target,
    fill: async (temporary) => {
      await npmFetch(
        `node-${platform}@${version}`,
        temporary,
        `Or install Node ${NODE_OLDEST.join('.')} or newer yourself, from nodejs.org.`,
      );
      const from = join(temporary, 'node_modules', `node-${platform}`);
      for (const name of ['bin', 'include']) renameSync(join(from, name), join(temporary, name));
      const binary = join(temporary, 'bin', 'node');
      writeFileSync(join(temporary, 'abi'), execFileSync(binary, ['-p', 'process.versions.modules'], { encoding: 'utf8' }).trim());
    },
  });
  return target;
}

/** Unpacks one npm package, without its scripts, into `directory`/node_modules. */
export async function npmFetch(spec, directory, advice) {
  writeFileSync(join(directory, 'package.json'), '{"private":true}\n');
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', spec], {
    cwd: directory,
    env: cleanEnv(),
    advice: `Is the npm registry in reach? ${advice}`,
  });
}
