import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { s3Server } from '../setup/paths.mjs';
import { createPart, type Part } from './part.ts';
import { choosePort } from './ports.ts';

export interface S3Options {
  readonly dir: string;
  readonly port?: number;
}

export interface S3 extends Part {
  /** For AWS_ENDPOINT_URL_S3; needs path style. */
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  /** Every bucket is a directory here and every object a file. */
  readonly files: string;
  restart(): Promise<void>;
  /** Creates a bucket unless it is there. */
  createBucket(name: string): void;
}

const USUAL_PORT = 17_070;
const REGION = 'us-east-1';
/** For a server on loopback that lives for a test or an afternoon. */
const ACCESS_KEY_ID = 'millrace';
const SECRET_ACCESS_KEY = 'millrace-secret';

/** Starts an S3 server with atomic conditional writes on loopback and waits until it is healthy. */
export async function startS3({ dir, port }: S3Options): Promise<S3> {
  const files = join(dir, 'buckets');
  mkdirSync(files, { recursive: true });
  const chosen = port ?? (await choosePort(USUAL_PORT));
  const url = `http://127.0.0.1:${chosen}`;
  const part = createPart({
    name: 's3',
    dir,
    command: s3Server,
    args: ['--region', REGION, '--port', `127.0.0.1:${chosen}`, '--health', '/health', '--quiet', 'posix', files],
    env: { PATH: process.env.PATH, ROOT_ACCESS_KEY: ACCESS_KEY_ID, ROOT_SECRET_KEY: SECRET_ACCESS_KEY },
    cwd: dir,
    stopSignal: 'SIGTERM',
    isReady: () => isHealthy(`${url}/health`),
  });
  await part.start();
  return Object.create(part, {
    url: { value: url },
    accessKeyId: { value: ACCESS_KEY_ID },
    secretAccessKey: { value: SECRET_ACCESS_KEY },
    region: { value: REGION },
    files: { value: files },
    restart: {
      value: async () => {
        await part.stop();
        await part.start();
      },
    },
    createBucket: { value: (name: string) => void mkdirSync(join(files, name), { recursive: true }) },
  }) as S3;
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
