import { describe, expect, it } from 'vitest';
import { etag, requireMatch } from '../../src/http/etag.ts';
import { dataset } from '../view/facts.ts';

const stored = dataset({ version: 3 });
const tag = etag({ ...stored, state: 'RUNNING' });
const accepts = (ifMatch: string | undefined, at = stored) => {
  try {
    requireMatch(ifMatch, at);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ kind: 'conflict', code: 'precondition_failed' });
    return false;
  }
};

describe('If-Match', () => {
  it('differs by state, for caches, and is compared by version, for people', () => {
    expect(etag({ ...stored, state: 'BLOCKED' })).not.toBe(tag);
    expect(accepts(etag({ ...stored, state: 'BLOCKED' }))).toBe(true);
  });
  it('accepts none, any, and lists that hold ours', () => {
    for (const given of [undefined, '*', tag, `"x", ${tag}`]) expect(accepts(given)).toBe(true);
  });
  it('refuses other versions, other datasets of the name, weak tags and fragments', () => {
    const other = dataset({ version: 3, id: '22222222-2222-4222-8222-222222222222' });
    expect([
      accepts(tag, dataset({ version: 4 })),
      accepts(tag, dataset({ version: 31 })),
      accepts(tag, other),
      accepts(`W/${tag}`),
      accepts(tag.slice(0, -1)),
      accepts(''),
    ]).toEqual(Array(6).fill(false));
  });
});
