import { expect, test } from 'vitest';
import { describedDataset } from '../../src/commands/dataset-file.ts';

test('a dataset is described by flags over a file', () => {
  const file = { path: 'f', text: 'name: a\nkafkaTopic: t\npkFields: [id]\n' };
  expect(describedDataset('b', { topic: 'u', partitionBy: ['date'] }, file)).toEqual({
    name: 'b',
    kafkaTopic: 'u',
    pkFields: ['id'],
    partitionKeys: ['date'],
  });
  expect(describedDataset(undefined, {}, { path: 'f', text: '{"name":"a","kafkaTopic":"t"}' })).toEqual({ name: 'a', kafkaTopic: 't' });
  expect(() => describedDataset('b', {}, undefined)).toThrow('a topic (--topic)');
  expect(() => describedDataset(undefined, {}, { path: 'f', text: 'name: 1' })).toThrow('name must be a text, and 1 is none');
  expect(() => describedDataset('b', {}, { path: 'f', text: 'kafkaTopic: null' })).toThrow('kafkaTopic must be a text, and null is none');
  expect(() => describedDataset('b', {}, { path: 'f', text: '[1]' })).toThrow('f holds no dataset');
  expect(() => describedDataset('b', {}, { path: 'f', text: '{"a' })).toThrow('neither YAML nor JSON');
});
