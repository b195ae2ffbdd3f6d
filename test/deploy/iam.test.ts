import { describe, expect, it } from 'vitest';
import { allows, askOf, readPolicy, roles } from './iam-policy.ts';

const names = { RAW_BUCKET: 'raw-bucket', RAW_PREFIX: 'raw', TABLES_BUCKET: 'tables-bucket', TABLES_PREFIX: 'tables' };
const raw = '/raw-bucket/raw/orders/_chain/x/00000/1.json';
const table = '/tables-bucket/tables/orders/_delta_log/1.json';
const may = (role: (typeof roles)[number], method: string, target: string) => {
  const ask = askOf(method, target);
  return ask !== undefined && allows(readPolicy(role, names), ask);
};

describe('rights in the object store', () => {
  it('nobody deletes, rewrites rights or may do what a star stands for', () => {
    for (const role of roles)
      for (const { Effect, Action } of readPolicy(role).Statement)
        if (Effect === 'Allow')
          for (const action of Action) {
            expect(action, role).toMatch(/^s3:(GetObject|PutObject|ListBucket|AbortMultipartUpload)$/);
          }
  });

  it('phase 1 creates in raw and sees no table', () => {
    expect(['GET', 'PUT', 'HEAD'].map((method) => may('phase1', method, raw))).toEqual([true, true, true]);
    expect(['GET', 'PUT', 'HEAD'].map((method) => may('phase1', method, table))).toEqual([false, false, false]);
    expect(may('phase1', 'PUT', '/raw-bucket/elsewhere/1.json')).toBe(false);
  });

  it('phase 2 reads raw and creates in tables', () => {
    expect(['GET', 'PUT'].map((method) => may('phase2', method, raw))).toEqual([true, false]);
    expect(['GET', 'PUT'].map((method) => may('phase2', method, table))).toEqual([true, true]);
  });

  it('verify reads both and changes nothing; the metastore has no right at all', () => {
    expect([raw, table].map((key) => may('verify', 'GET', key))).toEqual([true, true]);
    expect([raw, table].map((key) => may('verify', 'PUT', key))).toEqual([false, false]);
    expect([raw, table].map((key) => may('metastore', 'GET', key))).toEqual([false, false]);
  });

  it('lists below the own prefix', () => {
    for (const role of ['phase1', 'phase2', 'verify'] as const) {
      expect(may(role, 'GET', '/raw-bucket?list-type=2&prefix=raw%2F'), role).toBe(true);
      expect(may(role, 'GET', '/raw-bucket?list-type=2&prefix=other%2F'), role).toBe(false);
    }
    expect(may('phase1', 'GET', '/tables-bucket?list-type=2&prefix=tables%2F')).toBe(false);
  });

  it('a key that is not there is answered by 404, for which S3 wants the right to list without naming a prefix', () => {
    for (const role of ['phase1', 'phase2', 'verify'] as const)
      expect(allows(readPolicy(role, names), { action: 's3:ListBucket', resource: 'arn:aws:s3:::raw-bucket' }), role).toBe(true);
  });

  it('parts of a failed upload may be taken back, objects may not be deleted', () => {
    expect(may('phase1', 'DELETE', `${raw}?uploadId=1`)).toBe(true);
    expect(may('phase2', 'DELETE', `${table}?uploadId=1`)).toBe(true);
    for (const role of roles) expect(may(role, 'DELETE', raw) || may(role, 'DELETE', table), role).toBe(false);
  });
});
