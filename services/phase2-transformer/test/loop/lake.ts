import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { FaultyStore } from '@millrace/core/testing/faulty-store.ts';
import { afterAll } from 'vitest';
import { WorkerPool, workerPoolDefaults } from '../../src/workers/worker-pool.ts';

/** A raw zone and a table zone in a folder of their own, both failing on request. */
export function freshLake() {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lake-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const open = (name: string) => new FaultyStore(openObjectStore(pathToFileURL(join(folder, name)).href));
  return { folder, raw: open('raw'), tables: open('tables') };
}

/** Real compute, one thread, for all tests of a file. */
export function sharedCompute(): WorkerPool {
  const compute = new WorkerPool({ ...workerPoolDefaults, workers: 1 });
  afterAll(() => compute.close());
  return compute;
}
