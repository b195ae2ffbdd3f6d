import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { LoneProcess } from '../../src/kafka/lone-process.ts';

const settings = {
  brokers: 'localhost:1',
  properties: {},
  groupId: 'landing',
  clientId: 'alone',
  rawUrl: 'file:///nowhere',
  forcePathStyle: true,
};
const order = { ...settings, topic: 'orders', partition: 0, offset: 0n, leaderEpoch: null, epoch: 1n };

test('a lone reader that cannot be started is not one that died over a record', async () => {
  const { execPath } = process;
  onTestFinished(() => {
    process.execPath = execPath;
  });
  process.execPath = '/nowhere/node';
  const reader = new LoneProcess(order);
  await expect(reader.read({ recordsMax: 1, readBytes: 1 }, new AbortController().signal)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'lone_reader_not_started',
  });
  reader.close();
});

test('a machine that refuses a process at once says nothing of the record either', () => {
  const noMemory = () => {
    throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
  };
  const refusal = { kind: 'unavailable', code: 'lone_reader_not_started', cause: expect.objectContaining({ code: 'ENOMEM' }) };
  expect(() => new LoneProcess(order, noMemory)).toThrow(expect.objectContaining(refusal));
});

test('nor does one that has no file descriptors left: its process comes without pipes', async () => {
  const child = Object.assign(new EventEmitter(), { pid: undefined, stdin: undefined, stdout: undefined, kill: () => false });
  expect(() => new LoneProcess(order, () => child as unknown as ChildProcess)).toThrow(
    expect.objectContaining({ kind: 'unavailable', code: 'lone_reader_not_started' }),
  );
  // told a moment later; unheard it would end the worker
  child.emit('error', new Error('spawn EMFILE'));
});
