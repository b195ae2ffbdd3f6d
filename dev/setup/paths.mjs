import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  COMPOSE_SPEC_VERSION,
  CRD_MODULES,
  HELM_VERSION,
  KAFKA_VERSION,
  KUBERNETES_SCHEMAS_VERSION,
  KUBERNETES_VERSIONS,
  NODE_VERSION,
  POSTGRES_VERSION,
  VERSITYGW_VERSION,
} from './pins.mjs';

/** The checkout. */
export const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** What survives a fresh clone: tools, jars, binaries. Outside the checkout on purpose. */
export const cache = resolve(process.env.MILLRACE_CACHE || join(homedir(), '.cache', 'millrace'));

/** `linux-x64`, `darwin-arm64` …, as the registries spell it. */
export const platform = `${process.platform}-${process.arch}`;

/** State of the parts started from this checkout; git ignores it. */
export const stateDir = join(root, '.millrace');

/** The lock directory by which a run claims a directory; `npm run clean` refuses while the owner of any `*.lock` lives. */
export const RUN_LOCK = 'run.lock';

/** A file beside a part that names the directory where its data had to go instead. */
export const DATA_ELSEWHERE = 'data-is-at';

export const setupDir = join(root, 'dev', 'setup');

export const nodeDir = (version = NODE_VERSION) => join(cache, `node-${version}-${platform}`);

export const kafkaDir = join(cache, `kafka-${KAFKA_VERSION}`);
export const kafkaLibs = join(kafkaDir, 'libs');
export const kafkaTemplate = join(kafkaDir, 'bootstrap.checkpoint');

export const s3Server = join(cache, `versitygw-${VERSITYGW_VERSION}-${platform}`, 'versitygw');

/** The Compose specification: `compose-spec.json`, and `load`, which reads a Compose file as engines do. */
export const composeSpec = join(cache, `compose-spec-${COMPOSE_SPEC_VERSION}-${platform}`);

export const helm = join(cache, `helm-${HELM_VERSION}-${platform}`, 'helm');

/** JSON Schemas of Kubernetes' kinds, a folder for each release, and `custom/` with the definitions of operators' kinds; other pins are another directory. */
export const kubernetesSchemas = () =>
  join(cache, `kubernetes-schemas-${shortHash(KUBERNETES_SCHEMAS_VERSION, JSON.stringify([KUBERNETES_VERSIONS, CRD_MODULES]))}`);

/** What the tests of the alerts run. */
export const prometheusTools = ['prometheus', 'promtool'];

const prometheusInCache = (name) => join(cache, `prometheus-debian-${platform}`, name);

/**
 * Prometheus' server or its tool: of PATH, else of the cache; undefined when there is none.
 * @param {string} name one of {@link prometheusTools}
 * @returns {string | undefined}
 */
export function prometheusTool(name) {
  return which(name) ?? (isExecutable(prometheusInCache(name)) ? prometheusInCache(name) : undefined);
}

/** Where the set-up puts both. */
export const prometheusDir = dirname(prometheusInCache('promtool'));

/**
 * Where PostgreSQL's binaries lie. PostgreSQL refuses to run as root and runs as `nobody` then, so for root the place
 * must be open to everybody; a cache below a closed home is not.
 */
export function postgresDir() {
  const name = `postgres-${POSTGRES_VERSION}-${platform}`;
  if (!isRoot() || openToAll(cache)) return join(cache, name);
  return join('/var/tmp', `millrace-${name}`);
}

export const isRoot = () => process.getuid?.() === 0;

/** Can any user walk down to this directory, or to what will be created there? Reads the mode bits only. */
export function openToAll(directory) {
  for (let path = resolve(directory); ; path = dirname(path)) {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

/** Where Debian's libfaketime lies on this machine; undefined when it is not installed. @returns {string | undefined} */
export function faketimeLibrary() {
  const triplet = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch];
  const library = `/usr/lib/${triplet}/faketime/libfaketimeMT.so.1`;
  return existsSync(library) ? library : undefined;
}

/** `java` of JAVA_HOME if that is set, else of PATH; undefined when there is none. */
export function javaBinary() {
  const home = process.env.JAVA_HOME;
  if (home && isExecutable(join(home, 'bin', 'java'))) return join(home, 'bin', 'java');
  return which('java');
}

/** The first executable of that name in PATH, or undefined. */
export function which(name, path = process.env.PATH ?? '') {
  for (const directory of path.split(delimiter)) {
    if (directory && isExecutable(join(directory, name))) return join(directory, name);
  }
  return undefined;
}

/** Does `path` name a file that this user may run? */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** First eight hex digits of the SHA-256 over the given texts. */
export function shortHash(...texts) {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 8);
}

const venvDir = (kind, requirements) =>
  join(cache, `python-${kind}-${shortHash(readFileSync(join(setupDir, requirements), 'utf8'), platform)}`);

/** The virtual environment of the interop tests; another list of requirements is another directory. */
export const testPythonDir = () => venvDir('test', 'requirements.txt');
export const sparkPythonDir = () => venvDir('spark', 'requirements-spark.txt');
export const pythonOf = (directory) => join(directory, 'bin', 'python');

/** Spark's jars; another pom is another directory. */
export const sparkJars = () => join(cache, `spark-jars-${shortHash(readFileSync(join(setupDir, 'poms', 'spark.xml'), 'utf8'))}`);

/** Folder of DuckDB's extensions (Delta, S3) as the Python packages bring them; LOAD takes a path in it without any download. */
export const duckdbExtensions = (directory) => join(directory, 'duckdb');
