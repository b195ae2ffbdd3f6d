import { execFile } from 'node:child_process';
import { createPart, type Part } from '../../dev/stack/part.ts';

/** A place from which the image's commands run without an engine. */
export type Place = {
  readonly node: string;
  readonly entry: string;
  readonly cwd: string;
  /** complete: nothing of the test's own environment comes along but PATH */
  readonly env: Readonly<Record<string, string>>;
  /** whom to run as; undefined: ourselves */
  readonly user?: { readonly uid: number; readonly gid: number };
};

export type Ending = { readonly code: number; readonly stdout: string; readonly stderr: string };

const WITHIN_MS = 300_000;
const environment = (place: Place, more: Readonly<Record<string, string>>) => ({ PATH: process.env.PATH ?? '', ...place.env, ...more });

/** Runs a command that ends by itself. */
export function runEntry(place: Place, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ending> {
  return new Promise((resolve) => {
    const options = { cwd: place.cwd, env: environment(place, more), timeout: WITHIN_MS, ...place.user };
    execFile(place.node, [place.entry, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }),
    );
  });
}

/** A command that runs until it is stopped; ready when `isReady` says so. */
export const entryPart = (
  place: Place,
  options: {
    name: string;
    dir: string;
    args: readonly string[];
    env: Readonly<Record<string, string>>;
    isReady: () => boolean | Promise<boolean>;
  },
): Part =>
  createPart({
    name: options.name,
    dir: options.dir,
    command: place.node,
    args: [place.entry, ...options.args],
    env: environment(place, options.env),
    cwd: place.cwd,
    stopSignal: 'SIGTERM',
    isReady: options.isReady,
    ...(place.user === undefined ? {} : { user: place.user }),
  });
