import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join, posix, relative } from 'node:path';
import { promisify } from 'node:util';
import { hasApt } from '../setup/debian.mjs';
import { cleanEnv } from '../setup/exec.mjs';
import { withLock } from '../setup/lock.mjs';
import { isRoot } from '../setup/paths.mjs';
import { assigned, type Dockerfile, expand, lastOf, parseDockerfile, type Stage, type Step } from './dockerfile.ts';
import { type Ignored, parseDockerignore } from './dockerignore.ts';

/** What a build without an engine left: each stage a folder, the last one of them the image. */
export type NativeImage = {
  /** stands for `/` of the image */
  readonly root: string;
  readonly workdir: string;
  /** ENV of the image; paths are those on this machine */
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  /** steps that this machine cannot run, with the reason */
  readonly left: readonly string[];
};

/** Folders that belong to the image alone. Everything else that a step names (apt's, npm's) is the machine's own. */
const IMAGE_PATHS = /(^|[\s"'=])(\/app|\/var\/lib\/millrace)(?=$|[\s"'/])/g;
const STEP_WITHIN_MS = 900_000;
const execute = promisify(execFile);

/**
 * Runs every COPY and RUN of the Dockerfile on this machine, in order: each stage in a folder of its own, the base image being the machine itself
 * under this process's Node. Caches of `--mount` are those of this machine. Steps that need root (packages, owners) are left out without it and named.
 * @param say told of each step before it runs
 * @throws Error naming the step that failed, with the end of its output
 */
export async function buildNatively(options: { root: string; into: string; say: (line: string) => void }): Promise<NativeImage> {
  const { root, into, say } = options;
  const file = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
  const ignored = parseDockerignore(readFileSync(join(root, '.dockerignore'), 'utf8'));
  const left: string[] = [];
  for (const stage of file.stages) {
    const folder = join(into, stage.name);
    mkdirSync(folder, { recursive: true });
    let workdir = '/';
    for (const step of stage.steps) {
      if (!['WORKDIR', 'COPY', 'RUN'].includes(step.op)) continue;
      say(`${stage.name}: ${step.op} ${step.text.replace(/\s+/g, ' ')}`);
      if (step.op === 'WORKDIR') {
        workdir = posix.resolve(workdir, step.text);
        mkdirSync(join(folder, workdir), { recursive: true });
      } else if (step.op === 'COPY') copy(step, { context: root, ignored, into, folder, workdir });
      else {
        const reason = cannotRun(step.text);
        if (reason === undefined) await run(step, stage, folder, workdir);
        else left.push(`${step.text.replace(/\s+/g, ' ')}: ${reason}`);
      }
    }
  }
  return image(file, into, left);
}

function image(file: Dockerfile, into: string, left: readonly string[]): NativeImage {
  const stage = file.stages.at(-1) as Stage;
  const root = join(into, stage.name);
  const env = Object.fromEntries(Object.entries(assigned(stage, 'ENV')).map(([name, value]) => [name, toMachine(value, root)]));
  const entrypoint = (JSON.parse(lastOf(stage, 'ENTRYPOINT') ?? '[]') as string[]).map((word) => toMachine(word, root));
  return { root, workdir: join(root, lastOf(stage, 'WORKDIR') ?? '/'), env, entrypoint, left };
}

const toMachine = (text: string, folder: string) =>
  text.replace(IMAGE_PATHS, (_, before: string, path: string) => before + join(folder, path));

function cannotRun(command: string): string | undefined {
  if (/\bapt-get\b/.test(command)) return !hasApt() ? 'no apt-get here' : !isRoot() ? 'only root may install packages' : undefined;
  return /\binstall .*-o /.test(command) && !isRoot() ? 'only root may give files away' : undefined;
}

async function run(step: Step, stage: Stage, folder: string, workdir: string): Promise<void> {
  const command = toMachine(expand(step.text, assigned(stage, 'ARG')), folder);
  const env = cleanEnv({
    ...assigned(stage, 'ENV'),
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
    DEBIAN_FRONTEND: 'noninteractive',
  });
  const act = () => execute('sh', ['-ec', command], { cwd: join(folder, workdir), env, timeout: STEP_WITHIN_MS, maxBuffer: 2 ** 26 });
  try {
    await (command.includes('apt-get') ? withLock('apt-get', act) : act());
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${stage.name}, line ${step.line}: ${command}\n${`${stdout}\n${stderr}`.slice(-4_000)}`);
  }
}

type CopyPlace = { context: string; ignored: Ignored; into: string; folder: string; workdir: string };

/** COPY as Docker has it: a folder's content is copied, a file lands in a target that ends in `/`, and .dockerignore holds for the context only. */
function copy(step: Step, { context, ignored, into, folder, workdir }: CopyPlace): void {
  const words = step.text.split(/\s+/);
  const target = words.at(-1) ?? '';
  const from = step.flags.find((flag) => flag.startsWith('--from='))?.slice('--from='.length);
  const base = from === undefined ? context : join(into, from);
  const place = join(folder, posix.resolve(workdir, target));
  for (const source of words.slice(0, -1)) {
    const path = join(base, source);
    if (!existsSync(path) || (from === undefined && ignored(relative(context, path))))
      throw new Error(`line ${step.line}: COPY ${source} is not in the ${from === undefined ? 'build context' : `stage ${from}`}`);
    const filter = (each: string) => from !== undefined || each === path || !ignored(relative(context, each));
    const isFolder = statSync(path).isDirectory();
    mkdirSync(isFolder ? place : target.endsWith('/') ? place : dirname(place), { recursive: true });
    if (!isFolder) cpSync(path, target.endsWith('/') ? join(place, basename(path)) : place);
    else
      for (const name of readdirSync(path))
        if (filter(join(path, name)))
          cpSync(join(path, name), join(place, name), { recursive: true, filter, verbatimSymlinks: true, force: true });
  }
}
