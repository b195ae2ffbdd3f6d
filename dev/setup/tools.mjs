import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianInstall, hasApt } from './debian.mjs';
import {
  cache,
  faketimeLibrary,
  isRoot,
  javaBinary,
  prometheusTool,
  prometheusTools,
  pythonOf,
  s3Server,
  testPythonDir,
  which,
} from './paths.mjs';
import { GO_OLDEST, JAVA_OLDEST, PYTHON_OLDEST } from './pins.mjs';
import { SetupError } from './say.mjs';

const execute = promisify(execFile);

/** What each purpose needs on the machine. Node itself is there, or nothing of this would run. */
const NEEDS = {
  service: ['npm'],
  cli: ['npm'],
  check: ['npm'],
  chart: ['npm', 'go'],
  demo: ['npm', 'java', 'mvn'],
  stack: ['npm', 'java', 'mvn'],
  s3: ['go'],
  prometheus: ['prometheus'],
  test: ['npm', 'java', 'mvn', 'python', 'venv', 'go', 'jq', 'zstd', 'faketime'],
  spark: ['npm', 'java', 'mvn', 'python', 'venv', 'go', 'jq', 'zstd'],
  alerts: ['npm', 'java', 'mvn', 'python', 'venv', 'go', 'prometheus'],
  deploy: ['npm', 'java', 'mvn', 'python', 'venv', 'go'],
  docs: ['npm', 'java', 'mvn', 'python', 'venv', 'go', 'jq', 'zstd', 'prometheus'],
};

/**
 * A check returns undefined when all is well, else what a person should do. `debian` names the package that root gets
 * installed without asking; tools without it are named and the set-up ends.
 */
const TOOLS = {
  npm: {
    check: async () => (which('npm') ? undefined : 'npm is not in PATH; it comes with Node from nodejs.org (Debian: apt-get install npm)'),
  },
  java: { check: checkJava },
  mvn: {
    check: async () =>
      which('mvn') ? undefined : 'mvn (Apache Maven) is not in PATH (Debian: apt-get install maven; macOS: brew install maven)',
  },
  python: { check: checkPython },
  venv: { check: checkVenv, debian: 'python3-venv' },
  go: { check: checkGo },
  jq: { check: async () => (which('jq') ? undefined : 'jq is not in PATH (Debian: apt-get install jq)'), debian: 'jq' },
  zstd: { check: async () => (which('zstd') ? undefined : 'zstd is not in PATH (Debian: apt-get install zstd)'), debian: 'zstd' },
  // The set-up takes it out of Debian's package without installing that: an installed one would start a server.
  prometheus: { check: checkPrometheus },
  // Without it chaos runs shift no clocks; everything else goes on.
  faketime: { check: async () => (faketimeLibrary() ? undefined : 'libfaketime'), debian: 'libfaketime', optional: true },
};

/**
 * Looks for every tool that the purposes need and names all that are missing at once. Missing Debian packages are
 * installed when that is possible and nothing else is missing.
 * @param {string[]} purposes keys of {@link NEEDS}
 * @throws {SetupError}
 */
export async function checkTools(purposes) {
  const names = [...new Set(purposes.flatMap((purpose) => NEEDS[purpose]))];
  await installOptional(names.filter((name) => TOOLS[name].optional));
  const found = await missing(names.filter((name) => !TOOLS[name].optional));
  if (found.length === 0) return;
  const installable = isRoot() && hasApt() ? found.filter(({ name }) => TOOLS[name].debian) : [];
  if (installable.length < found.length) throw complaint(found);
  await debianInstall(installable.map(({ name }) => TOOLS[name].debian));
  const still = await missing(installable.map(({ name }) => name));
  if (still.length > 0) throw complaint(still);
}

/** What is nice to have is installed where that can be done without asking; where it cannot, nobody is troubled. */
async function installOptional(names) {
  const found = await missing(names);
  if (found.length === 0 || !isRoot() || !hasApt()) return;
  await debianInstall(found.map(({ name }) => TOOLS[name].debian)).catch(() => undefined);
}

async function missing(names) {
  const answers = await Promise.all(names.map(async (name) => ({ name, advice: await TOOLS[name].check() })));
  return answers.filter(({ advice }) => advice !== undefined);
}

function complaint(found) {
  const list = found.map(({ advice }) => `  - ${advice}`).join('\n');
  return new SetupError(
    `${found.length === 1 ? 'a tool is' : `${found.length} tools are`} missing on this machine`,
    `Please install, then run the same command again:\n${list}`,
  );
}

async function checkJava() {
  const advice = `java ${JAVA_OLDEST} or newer is not in PATH (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk)`;
  const java = javaBinary();
  if (!java) return advice;
  // Starting a JVM only to read its version would be most of what a repeated set-up costs.
  const known = join(cache, 'java-that-fits');
  const mark = `${realpathSync(java)} ${statSync(java).mtimeMs}`;
  if (existsSync(known) && readFileSync(known, 'utf8') === mark) return undefined;
  const release = await versionOf(java, ['-version'], /version "(\d+)(?:\.(\d+))?/);
  if (!release) return `${java} does not start (${advice})`;
  if (release[0] < JAVA_OLDEST) return `java is ${release.join('.')}, ${JAVA_OLDEST} or newer is needed (${java})`;
  mkdirSync(cache, { recursive: true });
  writeFileSync(known, mark);
  return undefined;
}

async function checkGo() {
  const advice = `go ${GO_OLDEST.join('.')} or newer is needed to build the S3 server of the tests (from go.dev; Debian 12 has an older one)`;
  if (!which('go')) return advice;
  if (existsSync(s3Server)) return undefined;
  const release = await versionOf('go', ['version'], /go(\d+)\.(\d+)/);
  return release && atLeast(release, GO_OLDEST) ? undefined : `${advice}; found ${release?.join('.') ?? 'one that does not start'}`;
}

async function checkPrometheus() {
  if (prometheusTools.every((name) => prometheusTool(name) !== undefined)) return undefined;
  if (hasApt() && which('dpkg-deb')) return undefined;
  return 'prometheus and promtool are not in PATH (Debian: apt-get install prometheus; macOS: brew install prometheus; else from prometheus.io)';
}

async function checkPython() {
  if (existsSync(pythonOf(testPythonDir()))) return undefined;
  if (await findPython()) return undefined;
  return `python3 ${PYTHON_OLDEST.join('.')} or newer is not in PATH (Debian: apt-get install python3 python3-venv)`;
}

async function checkVenv() {
  if (existsSync(pythonOf(testPythonDir()))) return undefined;
  const python = await findPython();
  if (!python) return undefined;
  try {
    await execute(python, ['-c', 'import venv, ensurepip']);
    return undefined;
  } catch {
    return `${python} cannot make virtual environments (Debian: apt-get install python3-venv)`;
  }
}

let pythonSearch;

/** The first Python in PATH that is new enough, or undefined. Looked up once. */
export function findPython() {
  pythonSearch ??= (async () => {
    for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11']) {
      if (!which(name)) continue;
      const release = await versionOf(name, ['--version'], /Python (\d+)\.(\d+)/);
      if (release && atLeast(release, PYTHON_OLDEST)) return name;
    }
    return undefined;
  })();
  return pythonSearch;
}

async function versionOf(command, args, pattern) {
  try {
    const { stdout, stderr } = await execute(command, args);
    const match = pattern.exec(stdout + stderr);
    return match ? match.slice(1).filter(Boolean).map(Number) : undefined;
  } catch {
    return undefined;
  }
}

/** Compares `[major, minor, …]`; missing places count as 0. */
export function atLeast(version, oldest) {
  for (const [place, least] of oldest.entries()) {
    const have = version[place] ?? 0;
    if (have !== least) return have > least;
  }
  return true;
}
