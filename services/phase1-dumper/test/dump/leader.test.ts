import { expect, test } from 'vitest';
import { judgeLeader } from '../../src/dump/leader.ts';

test.each([
  ['the leader itself', 1, 1, 'proven'],
  ['a broker that names another', 1, 2, 'ask_leader'],
  ['any broker, though it names one', null, 1, 'ask_leader'],
  ['any broker while there is no leader', null, -1, 'ask_again'],
  ['a broker that used to lead, while there is no leader', 1, -1, 'ask_again'],
  ['a broker that used to lead and knows no such partition', 1, null, 'ask_again'],
  ['any broker, and there is no such partition', null, null, 'absent'],
] as const)('R1: an answer of %s', (_of, asked, leaderId, worth) => expect(judgeLeader(asked, leaderId)).toBe(worth));
