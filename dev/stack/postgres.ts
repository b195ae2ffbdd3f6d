import { execFile } from 'node:child_process';
import { chownSync, existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { DATA_ELSEWHERE, isRoot, openToAll, postgresDir, shortHash } from '../setup/paths.mjs';
import { createPart, type Part } from './part.ts';
import { choosePort } from './ports.ts';

export interface PostgresOptions {
  /** Log and data; a data directory found there is started again. */
  readonly dir: string;
  readonly port?: number;
  /** Created when it is missing; `url` names it. */
  readonly database?: string;
}

export interface Postgres extends Part {
  /** For DATABASE_URL. Everybody on this machine may connect, as everywhere in this stack. */
  readonly url: string;
  readonly port: number;
  restart(): Promise<void>;
  /** Creates a database unless it is there, and returns its URL. */
  createDatabase(name: string): Promise<string>;
}

const USUAL_PORT = 15_432;
const execute = promisify(execFile);

/** Starts a real PostgreSQL on loopback and waits until it answers. Its fsync is off: for development and tests only. */
export async function startPostgres({ dir, port, database = 'millrace' }: PostgresOptions): Promise<Postgres> {
  mkdirSync(dir, { recursive: true });
  const user = isRoot() ? nobody() : undefined;
  const home = dataHome(dir, user);
  const data = join(home, 'data');
  const bin = join(postgresDir(), 'bin');
  if (!existsSync(join(data, 'PG_VERSION'))) {
    // What a killed initdb left is not a database.
    rmSync(data, { recursive: true, force: true });
    const flags = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync', '--no-instructions'];
    await execute(join(bin, 'initdb'), ['-D', data, ...flags], { cwd: home, ...user });
  }

  const chosen = port ?? (await choosePort(USUAL_PORT));
  const urlOf = (name: string) => `postgresql://postgres@127.0.0.1:${chosen}/${name}`;
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
    'synchronous_commit=on',
    'full_page_writes=off',
    'shared_buffers=64MB',
    'max_connections=200',
    'timezone=UTC',
  ];
  const part = createPart({
    name: 'postgres',
    dir,
    command: join(bin, 'postgres'),
    args: ['-D', data, '-p', String(chosen), ...settings.flatMap((setting) => ['-c', setting])],
    cwd: home,
    ...(user && { user }),
    // The "fast" end: open sessions are closed, the data is left clean.
    stopSignal: 'SIGINT',
    isReady: () => answers(urlOf('postgres')),
  });

  const start = async () => {
    // The note of a killed server; the part has made sure that none of ours runs, and another's port would differ.
    if (part.pid === undefined) removeStaleNote(data);
    await part.start();
  };
  const createDatabase = async (name: string) => {
    const client = new Client({ connectionString: urlOf('postgres') });
    await client.connect();
    try {
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (rowCount === 0) await client.query(`CREATE DATABASE "${name.replaceAll('"', '""')}"`);
    } finally {
      await client.end();
    }
    return urlOf(name);
  };
  await start();
  await createDatabase(database);

  return Object.create(part, {
    url: { value: urlOf(database) },
    port: { value: chosen },
    start: { value: start },
    restart: {
      value: async () => {
        await part.stop();
        await start();
      },
    },
    createDatabase: { value: createDatabase },
  }) as Postgres;
}

/** PostgreSQL refuses to run as root; this user exists everywhere. */
function nobody(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  if (!line) throw new Error('PostgreSQL does not run as root and there is no user "nobody"; run this as a normal user');
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Where the data lies: in `dir`, unless another user must reach it and a closed directory above is in the way. */
function dataHome(dir: string, user: { uid: number; gid: number } | undefined): string {
  const real = realpathSync(dir);
  const elsewhere = user !== undefined && !openToAll(real);
  const home = elsewhere ? join('/var/tmp', `millrace-data-${shortHash(real)}`) : join(real, 'home');
  mkdirSync(home, { recursive: true });
  if (elsewhere) {
    // Anybody may write there, so a directory of that name may be somebody's trap.
    if (![0, user.uid].includes(lstatSync(home).uid)) throw new Error(`${home} belongs to somebody else; remove it`);
    writeFileSync(join(real, DATA_ELSEWHERE), home);
  }
  if (user) chownSync(home, user.uid, user.gid);
  return home;
}

function removeStaleNote(data: string): void {
  const note = join(data, 'postmaster.pid');
  if (!existsSync(note)) return;
  const pid = Number.parseInt(readFileSync(note, 'utf8'), 10);
  if (process.platform === 'linux') {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(data)) return;
    } catch {
      // No such process any more.
    }
    rmSync(note);
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
