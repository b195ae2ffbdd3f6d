import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { debianInstall, debianMissing, hasApt } from './debian.mjs';
import { cleanEnv, run } from './exec.mjs';
import { nodeHeaders } from './node.mjs';
import { cache, isRoot, platform, root, which } from './paths.mjs';
import { fillOnce } from './place.mjs';
import { SetupError } from './say.mjs';

const packageDir = join(root, 'node_modules', '@confluentinc', 'kafka-javascript');
const NATIVE = 'confluent-kafka-javascript.node';
const PREBUILT_WAIT_MAX_MS = 60_000;
const DEBIAN_PACKAGES = ['g++', 'make', 'python3', 'libssl-dev', 'zlib1g-dev', 'libzstd-dev', 'libcurl4-openssl-dev', 'libsasl2-dev'];

/**
 * Puts the Kafka client's addon into `node_modules`: from the cache, else prebuilt, else compiled once.
 * The stamp beside it names what it was built for, so another Node gets another addon.
 */
export async function ensureAddon(node) {
  const version = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')).version;
  const built = `${version}-abi${node.abi}-${platform}`;
  if (readStamp() === built) return;
  const target = join(cache, `kafka-addon-${built}-${libc()}`);
  await fillOnce({
    title: `the Kafka client's addon (prebuilt, else compiled, about a minute)`,
    target,
    fill: (temporary) => make(node, temporary),
  });
  await checkLoads(node, target);
  install(target, built);
}

function readStamp() {
  try {
    return existsSync(join(packageDir, 'build', 'Release', NATIVE)) && readFileSync(join(packageDir, 'build', 'built-for'), 'utf8');
  } catch {
    return undefined;
  }
}

/** Copies the cached build into the package, in one step, so that nobody loads half of it. */
function install(target, built) {
  const temporary = mkdtempSync(join(packageDir, '.build-'));
  cpSync(target, temporary, { recursive: true });
  writeFileSync(join(temporary, 'built-for'), built);
  const old = join(packageDir, `.old-${process.pid}`);
  const place = join(packageDir, 'build');
  if (existsSync(place)) renameSync(place, old);
  try {
    renameSync(temporary, place);
  } catch (error) {
    // Another set-up was faster; its build is the same.
    if (readStamp() !== built) throw error;
    rmSync(temporary, { recursive: true, force: true });
  }
  rmSync(old, { recursive: true, force: true });
}

async function make(node, temporary) {
  const work = join(temporary, 'work');
  cpSync(packageDir, join(work, 'addon'), { recursive: true, filter: (path) => !path.startsWith(join(packageDir, 'build')) });
  const preGyp = join(root, 'node_modules', '@mapbox', 'node-pre-gyp', 'bin', 'node-pre-gyp');
  // Run as npm scripts, because npm puts its own node-gyp into their PATH.
  writeFileSync(
    join(work, 'package.json'),
    JSON.stringify({ private: true, scripts: { prebuilt: `node "${preGyp}" install -C addon`, compile: 'cd addon && node-gyp rebuild' } }),
  );
  const env = cleanEnv({
    PATH: `${dirname(node.binary)}${delimiter}${process.env.PATH}`,
    // The build looks up its helper packages from where it lies, which is outside the checkout here.
    NODE_PATH: join(root, 'node_modules'),
    CKJS_LINKING: 'dynamic',
  });
  const release = join(work, 'addon', 'build', 'Release');
  if (!(await prebuilt(node, work, env, join(release, NATIVE)))) await compile(node, work, env);

  mkdirSync(join(temporary, 'Release'));
  mkdirSync(join(temporary, 'deps'));
  cpSync(join(release, NATIVE), join(temporary, 'Release', NATIVE));
  const libraries = join(work, 'addon', 'build', 'deps');
  if (existsSync(libraries)) {
    for (const name of readdirSync(libraries)) {
      if (/^librdkafka(\+\+)?(\.so\.1|\.1\.dylib)$/.test(name)) cpSync(realpathSync(join(libraries, name)), join(temporary, 'deps', name));
    }
  }
  if (process.platform === 'linux' && which('strip')) {
    for (const part of ['Release', 'deps']) {
      for (const name of readdirSync(join(temporary, part))) await run('strip', ['--strip-unneeded', join(temporary, part, name)]);
    }
  }
  rmSync(work, { recursive: true, force: true });
  await checkLoads(node, temporary);
}

async function prebuilt(node, work, env, file) {
  try {
    await run('npm', ['run', 'prebuilt'], { cwd: work, env, timeoutMs: PREBUILT_WAIT_MAX_MS });
    await load(node, file);
    return true;
  } catch {
    // Out of reach, or made for another C library: it is compiled instead, and that failure is the one to tell.
    rmSync(join(work, 'addon', 'build'), { recursive: true, force: true });
    return false;
  }
}

async function compile(node, work, env) {
  const byHand = `On Debian: apt-get install ${DEBIAN_PACKAGES.join(' ')}. Elsewhere: a C++ compiler, make, python3 and the development files of OpenSSL, zlib, zstd, curl and SASL.`;
  if (process.platform === 'linux' && hasApt()) {
    const missing = debianMissing(DEBIAN_PACKAGES).filter((name) => !commandCovers(name));
    if (missing.length > 0 && !isRoot()) {
      throw new SetupError(
        `the Kafka client's addon must be compiled and these Debian packages are missing: ${missing.join(' ')}`,
        `As root: apt-get install ${missing.join(' ')}`,
      );
    }
    if (missing.length > 0) await debianInstall(missing);
  }
  // As a variable, because node-gyp lets it win over its own flag and a user's .npmrc may set another.
  const headers = await nodeHeaders(node);
  await run('npm', ['run', 'compile'], { cwd: work, env: { ...env, npm_config_nodedir: headers }, advice: byHand });
}

/** A compiler or Python that came from elsewhere than Debian does as well. */
const commandCovers = (debianPackage) => ['g++', 'make', 'python3'].includes(debianPackage) && which(debianPackage) !== undefined;

async function checkLoads(node, directory) {
  try {
    await load(node, join(directory, 'Release', NATIVE));
  } catch (error) {
    throw new SetupError(
      `the Kafka client's addon in ${directory} does not load under Node ${node.version}`,
      `Remove ${directory} and run the same command again.`,
      error.detail ?? String(error),
    );
  }
}

const load = (node, file) => run(node.binary, ['-e', `process.dlopen({ exports: {} }, ${JSON.stringify(file)})`]);

/** The C library decides with the ABI whether a build fits, for example `glibc2.36`. */
function libc() {
  if (process.platform !== 'linux') return 'libc';
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return glibc ? `glibc${glibc}` : 'musl';
}
