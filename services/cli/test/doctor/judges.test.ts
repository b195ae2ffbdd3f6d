import type { BucketRule } from '@millrace/core/adapters/s3/bucket-look.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { describe, expect, it } from 'vitest';
import { judgeBrokers } from '../../src/doctor/judge/brokers.ts';
import { judgeClocks } from '../../src/doctor/judge/clocks.ts';
import { judgeDatabase } from '../../src/doctor/judge/database.ts';
import { judgeAnnouncements, judgeGroup, judgeSourceTopic, type TopicFact } from '../../src/doctor/judge/kafka-topics.ts';
import { judgeFolder, judgeMemory, judgeNode, stateSpace } from '../../src/doctor/judge/machine.ts';
import { judgeDatasets, judgeMetastore } from '../../src/doctor/judge/metastore.ts';
import { judgeBucket, judgeStoreError } from '../../src/doctor/judge/store.ts';
import { readDoctorSettings } from '../../src/doctor/settings.ts';

const MiB = 2 ** 20;
const { settings } = readDoctorSettings({}, ['phase1']);

describe('the machine', () => {
  it('Node by major and minor number', () => {
    expect(judgeNode('v22.22.0', '>=22.22').level).toBe('ok');
    expect(judgeNode('v24.0.0', '>=22.22').level).toBe('ok');
    expect(judgeNode('v22.21.9', '>=22.22').level).toBe('failure');
    expect(judgeNode('v9.99.0', '>=22.22').level).toBe('failure');
  });

  it('memory of the container before that of the machine; a heap larger than it warns', () => {
    const facts = { limitBytes: null, totalBytes: 24_576 * MiB, threads: 1 };
    expect(judgeMemory(facts, settings, ['phase1', 'phase2'])).toEqual([expect.objectContaining({ level: 'ok' })]);
    expect(judgeMemory({ ...facts, limitBytes: 703 * MiB }, settings, ['phase1'])[0]).toMatchObject({ level: 'failure' });
    expect(judgeMemory({ ...facts, limitBytes: 704 * MiB }, settings, ['phase1'])[0]).toMatchObject({ level: 'ok' });
    expect(judgeMemory({ ...facts, limitBytes: 1024 * MiB }, settings, ['phase2'])[0]).toMatchObject({
      level: 'warning',
      fix: expect.stringContaining('lower MILLRACE_WORKER_HEAP_BYTES'),
    });
  });

  it('a folder that is full, nearly full, or not ours', () => {
    const facts = { path: '/state', exists: true, freeBytes: 100 * MiB, writeError: null };
    const judged = (changes: object) => judgeFolder({ ...facts, ...changes }, 'MILLRACE_STATE_DIR', 'the state', stateSpace);
    expect(judged({}).level).toBe('ok');
    expect(judged({ freeBytes: 10 * MiB }).level).toBe('warning');
    expect(judged({ freeBytes: 0 }).level).toBe('failure');
    expect(judged({ writeError: { code: 'ENOSPC', words: 'no space' } }).fix).toMatch(/free space/);
    expect(judged({ writeError: { code: 'EROFS', words: 'read-only' } }).fix).toMatch(/needs a volume/);
    expect(judged({ exists: false, freeBytes: 0, writeError: { code: 'ENOENT', words: 'no' } }).says).toMatch(/cannot be made: no$/);
  });
});

describe('clocks', () => {
  const hour = 3_600_000;
  it('the majority is right, ours among it', () => {
    expect(judgeClocks([{ name: 'a', aheadMs: 900 }])[0]?.level).toBe('ok');
    const oursIsWrong = judgeClocks([
      { name: 'the store', aheadMs: hour },
      { name: 'the database', aheadMs: hour + 400 },
    ]);
    expect(oursIsWrong).toEqual([
      expect.objectContaining({ level: 'failure', says: expect.stringMatching(/^this machine's clock is 60 min behind/) }),
    ]);
    const storeIsWrong = judgeClocks([
      { name: 'the store', aheadMs: -hour },
      { name: 'the database', aheadMs: 0 },
    ]);
    expect(storeIsWrong[0]).toMatchObject({
      level: 'failure',
      says: expect.stringMatching(/the store is 60 min behind this machine's/),
      fix: expect.stringMatching(/look at the store first/),
    });
  });

  it('some seconds warn; nobody to ask is no failure', () => {
    expect(judgeClocks([{ name: 'a', aheadMs: 8_000 }])[0]?.level).toBe('warning');
    expect(judgeClocks([])[0]?.level).toBe('unknown');
  });
});

describe('brokers', () => {
  const up = (address: string, clusterId: string, apis: [number, number][] = [[3, 13]]) =>
    ({ address, advertisedBy: null, outcome: { kind: 'up', clusterId, metadataVersion: 30, apis: new Map(apis) } }) as const;

  it('an address that clients are sent on to is told with the broker that sends them', () => {
    const found = judgeBrokers(
      [up('a:1', 'c'), { address: 'inside:9092', advertisedBy: 2, outcome: { kind: 'name', words: 'ENOTFOUND' } }],
      'classic',
    );
    expect(found[1]).toMatchObject({
      level: 'failure',
      says: expect.stringMatching(/^broker 2, which sends clients to inside:9092, has a name/),
      fix: expect.stringMatching(/advertised\.listeners/),
    });
  });

  it('two clusters under one setting, brokers without topic ids or the wished group protocol', () => {
    expect(judgeBrokers([up('a:1', 'x'), up('b:1', 'y')], 'classic').at(-1)?.says).toMatch(/2 clusters: x, y/);
    expect(judgeBrokers([up('a:1', 'x', [[3, 9]])], 'classic')[1]).toMatchObject({ level: 'warning' });
    expect(
      judgeBrokers(
        [
          up('a:1', 'x', [
            [3, 13],
            [68, 0],
          ]),
        ],
        'consumer',
      )[1],
    ).toMatchObject({ level: 'failure', fix: expect.stringMatching(/GROUP_PROTOCOL=classic/) });
  });
});

describe('topics and groups', () => {
  const there: TopicFact = {
    topic: 'orders',
    state: 'there',
    partitions: [{ leader: 1, replicas: 3, inSync: 3 }],
    operations: null,
    messageBytesMax: 1_048_588,
    inSyncMin: 2,
  };

  it('leaders, copies and sizes', () => {
    const judged = (changes: Partial<TopicFact>) => judgeSourceTopic({ ...there, ...changes }, 3, 256 * MiB)[0];
    expect(judged({})?.level).toBe('ok');
    expect(judged({ partitions: [{ leader: -1, replicas: 3, inSync: 0 }] })).toMatchObject({
      level: 'failure',
      says: expect.stringMatching(/partition 0 has no leader/),
    });
    expect(judged({ partitions: [{ leader: 1, replicas: 3, inSync: 2 }] })?.level).toBe('warning');
    expect(judged({ partitions: [{ leader: 1, replicas: 1, inSync: 1 }] })?.says).toMatch(/one copy on a cluster of 3/);
    expect(judged({ inSyncMin: 3 })?.fix).toMatch(/min\.insync\.replicas to 2/);
    expect(judged({ messageBytesMax: 2_000_000_000 })?.level).toBe('failure');
    expect(judged({ messageBytesMax: 100 * MiB })?.level).toBe('warning');
  });

  it('announcements: too small by topic or by the brokers, and not to be created', () => {
    expect(judgeAnnouncements({ ...there, messageBytesMax: 500 }, 3, null, null)[0]?.level).toBe('failure');
    const missing: TopicFact = { ...there, state: 'missing', partitions: [], messageBytesMax: null, inSyncMin: null };
    expect(judgeAnnouncements(missing, 3, 500, { yes: true, words: '' })[0]?.says).toMatch(/message.max.bytes of the brokers is 500/);
    expect(judgeAnnouncements(missing, 3, null, { yes: false, words: 'refused' })[0]).toMatchObject({
      level: 'warning',
      fix: expect.stringMatching(/allow Create/),
    });
  });

  it('a group without members, in motion, stable', () => {
    const group = { group: 'g', members: 2, refused: false, operations: null };
    expect(judgeGroup({ ...group, state: 'STABLE' }, 'phase-1').level).toBe('ok');
    expect(judgeGroup({ ...group, state: 'PREPARING_REBALANCE' }, 'phase-1').level).toBe('warning');
    expect(judgeGroup({ ...group, state: 'EMPTY', members: 0 }, 'phase-1').says).toMatch(/no phase-1 worker runs/);
  });
});

describe('buckets', () => {
  const rule: BucketRule = {
    id: 'r',
    enabled: true,
    prefix: '',
    byTag: false,
    expires: { days: 7, date: null },
    movesTo: [],
    removesOldVersions: false,
  };
  const judged = (changes: Partial<BucketRule>, prefix = 'raw') =>
    judgeBucket('b', { rules: [{ ...rule, ...changes }], versioning: 'off', why: null }, [{ setting: 'MILLRACE_RAW_URL', prefix }])[0]
      ?.level;

  it('rules meet our objects above, at and below the root, and nowhere else', () => {
    for (const prefix of ['', 'r', 'raw', 'raw/', 'raw/orders/_chain/']) expect(judged({ prefix }), prefix).toBe('failure');
    for (const prefix of ['rawest/', 'tables/', 'raw/_millrace_probe/']) expect(judged({ prefix }), prefix).toBe('ok');
    expect(judged({ prefix: 'anything/' }, '')).toBe('failure');
  });

  it('rules that are off, by tag, or only about old versions and unfinished uploads do nothing to us', () => {
    expect(judged({ enabled: false })).toBe('ok');
    expect(judged({ byTag: true })).toBe('ok');
    expect(judged({ expires: null, removesOldVersions: true })).toBe('ok');
    expect(judged({ expires: null, movesTo: ['GLACIER_IR'] })).toBe('ok');
    expect(judged({ expires: null, movesTo: ['DEEP_ARCHIVE'] })).toBe('failure');
  });

  it('a bucket that does not tell is not called well', () => {
    expect(
      judgeBucket('b', { rules: null, versioning: null, why: 'NotImplemented' }, [{ setting: 'MILLRACE_RAW_URL', prefix: 'raw' }])[0]
        ?.level,
    ).toBe('unknown');
  });

  it('rights are named by role', () => {
    const refused = new MillraceError('invalid', 'no_permission', 'refused');
    const at = { url: 's3://b/raw', setting: 'MILLRACE_RAW_URL' };
    expect(judgeStoreError(refused, { ...at, writes: true }).fix).toMatch(/^allow s3:GetObject and s3:PutObject on s3:\/\/b\/raw\/\*/);
    expect(judgeStoreError(refused, { ...at, writes: false }).fix).toMatch(/^allow s3:GetObject on/);
  });
});

it('a broker that takes connections and does not answer: it may hang, too', () => {
  const silent = { address: 'a:9092', advertisedBy: null, outcome: { kind: 'silent', words: 'Request timed out' } } as const;
  expect(judgeBrokers([silent], 'consumer')[0]?.fix).toMatch(/the broker may hang: look at it or restart it/);
});

describe('database and metastore', () => {
  const up = { status: 'up', address: 'db:5432/m', serverVersion: '18.4', known: ['1', '2'] } as const;
  it('migrations', () => {
    expect(judgeDatabase({ ...up, applied: ['1', '2'] })[0]?.level).toBe('ok');
    expect(judgeDatabase({ ...up, applied: null })[0]?.level).toBe('warning');
    expect(judgeDatabase({ ...up, applied: ['1'] })[0]?.level).toBe('failure');
    expect(judgeDatabase({ ...up, applied: ['1', '2', '3'] })[0]?.fix).toMatch(/upgrade the services/);
    expect(judgeDatabase({ ...up, serverVersion: '12.1', applied: ['1', '2'] })[0]?.level).toBe('warning');
  });

  it('each refusal has its own way out', () => {
    const fix = (code: string) => judgeDatabase({ status: 'down', address: 'db', code, words: '' })[0]?.fix;
    expect(new Set(['28P01', '3D000', '42501', '53300', 'ENOTFOUND', '57P03', 'ECONNREFUSED'].map(fix)).size).toBe(7);
  });

  it('another version of the metastore is told', () => {
    const there = { status: 'up', url: 'http://m', ready: true, problems: [], service: 'metastore', version: '0.2.0' } as const;
    expect(judgeMetastore(there, '0.1.0')[0]).toMatchObject({ level: 'warning', says: 'http://m is version 0.2.0, this command 0.1.0' });
    expect(judgeMetastore(there, '0.2.0')[0]?.level).toBe('ok');
  });

  it('another service in its place is told', () => {
    const there = { status: 'up', url: 'http://m', ready: true, problems: [], version: '0.2.0' } as const;
    expect(judgeMetastore({ ...there, service: 'phase1' }, '0.2.0')).toMatchObject([
      { level: 'failure', says: 'http://m is phase1, not the metastore', fix: expect.stringMatching(/MILLRACE_METASTORE_URL/) },
    ]);
    expect(judgeMetastore({ ...there, service: null, version: null }, '0.2.0')[0]?.level).toBe('warning');
  });

  it('datasets: those that need somebody, with what to do', () => {
    const running = { name: 'a', state: 'RUNNING', reason: null, nextAction: null, landingSilentSince: null };
    const found = judgeDatasets([
      running,
      { ...running, name: 'b', state: 'BLOCKED', reason: 'a breaking change', nextAction: 'look; then PUT /v1/datasets/b/resume' },
      { ...running, name: 'c', state: 'PAUSED', reason: 'paused by a person; landing goes on' },
      { ...running, name: 'd', reason: 'no phase-2 worker has reported since yesterday' },
      { ...running, name: 'e', landingSilentSince: '2026-11-21T12:00:00.000Z' },
    ]);
    expect(found.map(({ level }) => level)).toEqual(['ok', 'failure', 'warning', 'failure', 'warning']);
    expect(found[0]?.says).toBe('1 of 5 run and need nobody');
    expect(found[1]).toMatchObject({ says: 'b is BLOCKED: a breaking change', fix: 'look; then millrace datasets resume b' });
    expect(found[2]).toMatchObject({
      says: 'c is PAUSED: paused by a person; landing goes on',
      fix: 'millrace datasets resume c to go on',
    });
    expect(found[4]?.says).toMatch(/^no phase-1 worker has reported on e since 2026-11-21T12:00/);
  });
});
