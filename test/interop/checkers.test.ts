import { expect, test } from 'vitest';
import { runPython } from '../support/python.ts';

test('the checkers report every kind of broken chain, comparison, statistics, ledger and row', async () => {
  const { stderr } = await runPython('checker/self_test.py', []);
  expect(stderr).toMatch(/^Ran [1-9]\d* tests[\s\S]*\nOK\n$/m);
});

test('the verdict on a run names each way in which one can be wrong, and nothing else', async () => {
  const { stderr } = await runPython('checker/spoil_test.py', []);
  expect(stderr).toMatch(/^Ran [1-9]\d* tests[\s\S]*\nOK\n$/m);
});
