import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { SchemaVersionRecord } from '@millrace/core/domain/reports.ts';
import { describe, expect, it } from 'vitest';
import { Reporter } from '../../src/loop/reporter.ts';
import { HandMetastore } from './harness.ts';

const record = (version: number): SchemaVersionRecord => ({
  version,
  kind: 'INITIAL',
  state: 'ACTIVE',
  schema: {},
  diff: [],
  ranges: {},
  reason: null,
  createdAt: '2026-01-01T00:00:00.000Z',
});

/** A metastore that is away at first and writes down whom a schema version was for. */
class Listening extends HandMetastore {
  readonly told: [string, string, number][] = [];
  readonly refused = new Set<string>();
  override async putSchemaVersion({ id, name }: { id: string; name: string }, { version }: SchemaVersionRecord): Promise<void> {
    if (this.away) throw new MillraceError('unavailable', 'away', 'away');
    if (this.refused.has(id)) throw new MillraceError('invalid', 'not_found', 'another dataset has that name now');
    this.told.push([id, name, version]);
  }
}

function world() {
  const metastore = new Listening();
  metastore.away = true;
  return { metastore, reporter: new Reporter(metastore, systemClock, createLogger('test', 'silent')) };
}

describe('schema versions that wait for a metastore', () => {
  it('go to the dataset they were made for, by its id, in order', async () => {
    const { metastore, reporter } = world();
    reporter.schemaVersion({ id: 'old', name: 'orders' }, record(1));
    reporter.schemaVersion({ id: 'new', name: 'orders' }, record(1));
    reporter.schemaVersion({ id: 'new', name: 'orders' }, record(2));
    await reporter.send([]);
    metastore.away = false;
    metastore.refused.add('old');
    await reporter.send([]);
    expect(metastore.told).toEqual([
      ['new', 'orders', 1],
      ['new', 'orders', 2],
    ]);
  });

  it('are forgotten with a deleted dataset', async () => {
    const { metastore, reporter } = world();
    reporter.schemaVersion({ id: 'old', name: 'orders' }, record(1));
    reporter.schemaVersion({ id: 'new', name: 'orders' }, record(1));
    await reporter.send([]);
    reporter.forget('old');
    metastore.away = false;
    await reporter.send([]);
    expect(metastore.told).toEqual([['new', 'orders', 1]]);
  });
});
