import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExact } from '../../src/decode/exact-json.ts';
import type { JsonObject } from '../../src/decode/json-value.ts';
import { classifyChange } from '../../src/infer/classify-change.ts';
import type { Evidence } from '../../src/infer/evidence.ts';
import { emptyEvidence, mergeEvidence } from '../../src/infer/evidence-join.ts';
import { observe } from '../../src/infer/observe.ts';
import { noSchema } from '../support/batches.ts';

type Seen = { partition: number; offset: bigint; record: JsonObject };

const name = fc.constantFrom('a', 'b', 'A', '__proto__', '7', '', 'toString', 'a b');
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 1, 1.5, 'x'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map((members) => Object.fromEntries(members)),
  ),
})).value;
const record = fc
  .array(fc.tuple(name, value), { maxLength: 4 })
  .map((members) => parseExact(JSON.stringify(Object.fromEntries(members)), true) as JsonObject);
const records: fc.Arbitrary<Seen[]> = fc
  .array(fc.record({ partition: fc.integer({ min: 0, max: 2 }), offset: fc.bigInt({ min: 0n, max: 2n ** 60n }), record }), {
    maxLength: 12,
  })
  .map((list) => [...new Map(list.map((seen) => [`${seen.partition}/${seen.offset}`, seen])).values()])
  .map((list) => list.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1)));

function evidenceOf(list: readonly Seen[]): Evidence {
  const evidence = emptyEvidence();
  for (const { partition, offset, record: seen } of list)
    observe(evidence, { record: seen, namePrefix: 0, topicId: 'T', partition, offset, covered: undefined });
  return evidence;
}

/** Cuts a list by a mask, keeping the order inside both parts: like records spread over two workers. */
function cut(list: readonly Seen[], mask: readonly boolean[]): [Seen[], Seen[]] {
  return [list.filter((_, i) => mask[i % mask.length]), list.filter((_, i) => !mask[i % mask.length])];
}
const mask = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });

describe('joining evidence', () => {
  test('is commutative', () => {
    fc.assert(
      fc.property(records, mask, (list, how) => {
        const [a, b] = cut(list, how).map(evidenceOf) as [Evidence, Evidence];
        expect(mergeEvidence(a, b)).toEqual(mergeEvidence(b, a));
      }),
    );
  });

  test('is associative', () => {
    fc.assert(
      fc.property(records, mask, mask, (list, first, second) => {
        const [left, rest] = cut(list, first);
        const [middle, right] = cut(rest, second);
        const [a, b, c] = [left, middle, right].map(evidenceOf) as [Evidence, Evidence, Evidence];
        expect(mergeEvidence(mergeEvidence(a, b), c)).toEqual(mergeEvidence(a, mergeEvidence(b, c)));
      }),
    );
  });

  test('is idempotent, and no evidence adds nothing', () => {
    fc.assert(
      fc.property(records, (list) => {
        const a = evidenceOf(list);
        expect(mergeEvidence(a, a)).toEqual(a);
        expect(mergeEvidence(a, emptyEvidence())).toEqual(a);
      }),
    );
  });

  test('gives the same for every cut, so the schema does not depend on who read what', () => {
    fc.assert(
      fc.property(records, mask, (list, how) => {
        const [a, b] = cut(list, how).map(evidenceOf) as [Evidence, Evidence];
        const whole = evidenceOf(list);
        expect(mergeEvidence(a, b)).toEqual(whole);
        expect(classifyChange(noSchema, mergeEvidence(b, a), [])).toEqual(classifyChange(noSchema, whole, []));
      }),
    );
  });
});
