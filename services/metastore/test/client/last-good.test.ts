import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { cachedMetastore } from '../../src/client/last-good.ts';
import { dataset } from '../view/facts.ts';

const log = createLogger('test', 'silent');
const one: Dataset = { ...dataset({ pkFields: ['nul\u0000', 'lone \ud800'] }), state: 'RUNNING' };
const two: Dataset = { ...one, name: 'second', version: 2 };

let stateDir: string;
let answer: Dataset[] | MillraceError;
const away = new MillraceError('unavailable', 'metastore_away', 'metastore is away');
const metastore: Metastore = {
  datasets: () => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)),
  reportLanding: () => Promise.resolve(),
  reportTable: () => Promise.resolve(),
  putSchemaVersion: () => Promise.resolve(),
};
const open = () => cachedMetastore(metastore, { stateDir, worker: 'phase1', log });
const path = () => join(stateDir, 'phase1-datasets.json');

beforeEach(async () => {
  stateDir = join(await mkdtemp(join(tmpdir(), 'last-good-')), 'made', 'later');
  answer = [one];
});

describe('the last good configuration', () => {
  it('is served while the metastore is away, after a restart too, byte for byte', async () => {
    await open().datasets();
    answer = away;
    const restarted = open();
    expect(await restarted.datasets()).toEqual([one]);
    expect(restarted.check()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^metastore is away; working with the configuration of 20/),
    });
  });

  it('is served to a restarted worker soon when the metastore does not answer at all, and replaced when it does', async () => {
    await open().datasets();
    let late: (datasets: Dataset[]) => void = () => {};
    const slow: Metastore = { ...metastore, datasets: () => new Promise((resolve) => (late = resolve)) };
    const restarted = cachedMetastore(slow, { stateDir, worker: 'phase1', log });
    expect(await restarted.datasets()).toEqual([one]);
    expect(restarted.check()).toMatchObject({ ok: true, detail: expect.stringMatching(/has not answered within 1000 ms/) });
    const next = restarted.datasets();
    late([two]);
    expect(await next).toEqual([two]);
  });

  it('is replaced by the newest, and an empty list is news too', async () => {
    const cached = open();
    for (const next of [[one], [one, two], []]) {
      answer = next;
      await cached.datasets();
    }
    answer = away;
    expect(await cached.datasets()).toEqual([]);
    expect(await open().datasets()).toEqual([]);
    answer = [two];
    expect(await cached.datasets()).toEqual([two]);
    expect(cached.check()).toEqual({ name: 'metastore', ok: true, detail: null });
  });

  it('leaves no temporary files', async () => {
    await open().datasets();
    expect(await readdir(stateDir)).toEqual(['phase1-datasets.json']);
  });

  it('is missed clearly when there is none', async () => {
    answer = away;
    const cached = open();
    await expect(cached.datasets()).rejects.toBe(away);
    expect(cached.check()).toEqual({ name: 'metastore', ok: false, detail: 'metastore is away' });
  });

  it.each(['', '{', 'null', '{"format":2,"savedAt":"x","datasets":[]}', '{"format":1,"savedAt":"x","datasets":[{"name":"A"}]}'])(
    'ignores the damaged file %j',
    async (text) => {
      await open().datasets();
      await writeFile(path(), text);
      answer = away;
      await expect(open().datasets()).rejects.toBe(away);
      answer = [two];
      const cached = open();
      expect(await cached.datasets()).toEqual([two]);
      expect(JSON.parse(await readFile(path(), 'utf8'))).toMatchObject({ format: 1, datasets: [{ name: 'second' }] });
    },
  );

  it('passes on errors that are not absence', async () => {
    await open().datasets();
    answer = new MillraceError('invalid', 'metastore_refused', 'no');
    await expect(open().datasets()).rejects.toBe(answer);
  });

  it('goes on when the disk refuses', async () => {
    await writeFile(join(stateDir, '..', '..', 'made'), 'a file where the folder should be');
    expect(await open().datasets()).toEqual([one]);
  });
});
