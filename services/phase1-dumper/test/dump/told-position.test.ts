import { expect, test } from 'vitest';
import { seqTold, tellPosition } from '../../src/dump/told-position.ts';

test('what was told of this chain is understood', () => {
  expect(seqTold(tellPosition({ topicId: 'abc', epoch: 3n, seq: 417n }), 'abc')).toBe(417n);
});

test.each([
  ['nothing', undefined],
  ['no words', ''],
  ['another chain', tellPosition({ topicId: 'other', epoch: 3n, seq: 417n })],
  ['what another program wrote', 'committed by a tool'],
  ['null', 'null'],
  ['a seq that is none', '{"topicId":"abc","seq":"-1"}'],
  ['a seq beyond keys', `{"topicId":"abc","seq":"${'9'.repeat(20)}"}`],
  ['a number', '{"topicId":"abc","seq":4}'],
])('%s is no hint', (_what, text) => {
  expect(seqTold(text, 'abc')).toBeUndefined();
});
