import { MillraceError } from '@millrace/core/domain/errors.ts';
import { describe, expect, it } from 'vitest';
import { newDataset, notYet } from '../../src/http/dataset-rules.ts';
import { bodyErrors, pointer, problemOf } from '../../src/http/problems.ts';

const good = { name: 'orders', kafkaTopic: 'orders' };
function refusals(body: unknown) {
  const parsed = newDataset.safeParse(body);
  return parsed.success ? [] : bodyErrors(parsed.error, body);
}
const pointers = (body: unknown) => refusals(body).map((error) => error.pointer);

describe('JSON pointers', () => {
  it.each([
    [[], '#'],
    [['name'], '#/name'],
    [['pkFields', 0], '#/pkFields/0'],
    [['a/b', 'c~d', ''], '#/a~1b/c~0d/'],
    [['ü %'], '#/%C3%BC%20%25'],
    [['nul\u0000'], '#/nul%00'],
    [['lone \ud800'], '#/lone%20%EF%BF%BD'],
    [['__proto__'], '#/__proto__'],
  ])('of %j is %s', (path, expected) => {
    expect(pointer(path)).toBe(expected);
  });
});

describe('a refused dataset', () => {
  it('names every error where it is', () => {
    expect(refusals({ name: 'Orders', kafkaTopic: 7, pkFields: ['id', ''], nope: 1, 'a/b': 2 })).toEqual([
      { pointer: '#/name', detail: 'must match ^[a-z0-9][a-z0-9._-]{0,127}$' },
      { pointer: '#/kafkaTopic', detail: 'Invalid input: expected string, received number' },
      { pointer: '#/pkFields/1', detail: 'Too small: expected string to have >=1 characters' },
      { pointer: '#/nope', detail: 'is not a known member' },
      { pointer: '#/a~1b', detail: 'is not a known member' },
    ]);
  });
  it('names members that are missing', () => {
    expect(refusals({})).toEqual([
      { pointer: '#/name', detail: 'is required' },
      { pointer: '#/kafkaTopic', detail: 'is required' },
    ]);
  });
  it.each([[null], [[]], ['orders'], [1]])('refuses %j as a whole', (body) => {
    expect(pointers(body)).toEqual(['#']);
  });
  it('sees a member named __proto__', () => {
    expect(pointers(JSON.parse('{"name":"a","kafkaTopic":"b","__proto__":{"mode":"upsert"}}'))).toEqual(['#/__proto__']);
  });
  it('refuses a list that names something twice', () => {
    expect(pointers({ ...good, pkFields: ['a', 'b', 'a'], partitionKeys: ['x', 'x'] })).toEqual(['#/pkFields/2', '#/partitionKeys/1']);
  });
  it.each(['', '.', '..', 'a b', 'ü', 'x'.repeat(250), 'a/b'])('refuses the topic %j', (kafkaTopic) => {
    expect(pointers({ ...good, kafkaTopic })).toEqual(['#/kafkaTopic']);
  });
  it.each(['', '-a', '.a', '_a', 'A', 'a/b', 'ä', 'x'.repeat(129), 'a\n'])('refuses the name %j', (name) => {
    expect(pointers({ ...good, name })).toEqual(['#/name']);
  });
  it.each(['a', '0', 'a.b_c-d', 'x'.repeat(128)])('accepts the name %j', (name) => {
    expect(pointers({ ...good, name })).toEqual([]);
  });
  it('tells at most 100 errors', () => {
    expect(pointers({ ...good, ...Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`m${i}`, i])) })).toHaveLength(100);
  });
});

describe('not yet', () => {
  const asked = (changes: object) => notYet(newDataset.parse({ ...good, ...changes })).map((error) => error.pointer);
  it.each([
    [{ mode: 'upsert' }, '#/mode'],
    [{ format: 'iceberg' }, '#/format'],
    [{ transforms: ['x'] }, '#/transforms'],
    [{ transformJars: [{}] }, '#/transformJars'],
    [{ partitionKeys: ['day(created)'] }, '#/partitionKeys/0'],
    [{ partitionKeys: ['a', 'hour(a.b)'] }, '#/partitionKeys/1'],
    [{ partitionKeys: ['bucket(id)'] }, '#/partitionKeys/0'],
  ])('%j', (changes, where) => {
    expect(asked(changes)).toEqual([where]);
  });
  it('leaves alone what is built', () => {
    expect(
      asked({
        mode: 'append',
        format: 'delta',
        transforms: [],
        transformJars: [],
        partitionKeys: ['a.b', 'day(_source_timestamp)', 'hour(_source_timestamp)', '(x)'],
      }),
    ).toEqual([]);
  });
});

describe('errors of ours as problems', () => {
  it.each([
    ['invalid', 'not_found', 404],
    ['conflict', 'dataset_exists', 409],
    ['conflict', 'precondition_failed', 412],
    ['unavailable', 'database_away', 503],
  ] as const)('%s %s is %i', (kind, code, status) => {
    expect(problemOf(new MillraceError(kind, code, 'words'))).toMatchObject({ status, detail: 'words' });
  });
  it('keeps surprises to itself', () => {
    expect(problemOf(new MillraceError('internal', 'database_failed', 'select secret'))).toBeUndefined();
  });
});
