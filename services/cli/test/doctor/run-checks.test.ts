import { describe, expect, it } from 'vitest';
import { ok } from '../../src/doctor/finding.ts';
import { renderDoctor } from '../../src/doctor/render.ts';
import { runChecks } from '../../src/doctor/run-checks.ts';

const plain = (_style: string, text: string) => text;

describe('checks', () => {
  it('run side by side, each within its own limit; one that hangs or throws hides nothing', async () => {
    const startedAt = performance.now();
    const results = await runChecks([
      { name: 'hangs', limitMs: 300, late: 'look at it', run: (report) => new Promise(() => report(ok('seen before it hung'))) },
      { name: 'hangs too', limitMs: 300, late: 'nobody needs it', optional: true, run: () => new Promise(() => undefined) },
      {
        name: 'throws',
        limitMs: 300,
        late: 'mend it',
        run: () => {
          throw new Error('broken');
        },
      },
      { name: 'well', limitMs: 300, late: '', run: async (report) => report(ok('fine')) },
    ]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(results.map(({ findings }) => findings)).toEqual([
      [ok('seen before it hung'), { level: 'failure', says: 'no answer within 0.3 s', fix: 'look at it' }],
      [{ level: 'unknown', says: 'no answer within 0.3 s: nobody needs it' }],
      [{ level: 'failure', says: 'broken', fix: 'mend it' }],
      [ok('fine')],
    ]);
  });

  it('what a check reports after its time is not heard', async () => {
    let late: (() => void) | undefined;
    const [result] = await runChecks([
      {
        name: 'late',
        limitMs: 50,
        late: 'x',
        run: (report, signal) =>
          new Promise((resolve) =>
            signal.addEventListener('abort', () => {
              late = () => {
                report(ok('too late'));
                resolve();
              };
            }),
          ),
      },
    ]);
    late?.();
    expect(result?.findings).toHaveLength(1);
  });
});

describe('what is printed', () => {
  it('stands in columns, folds at the width, and counts', () => {
    const text = renderDoctor(
      [
        { name: 'node', seconds: 0, findings: [ok('v24')] },
        {
          name: 'table store',
          seconds: 1,
          findings: [
            { level: 'failure', says: 'one two three four five six seven', fix: 'do this' },
            { level: 'warning', says: 'w', fix: 'f' },
          ],
        },
      ],
      plain,
      40,
    );
    expect(text.split('\n')).toEqual([
      'ok    node         v24',
      'FAIL  table store  one two three four five six seven',
      '                   fix: do this',
      'WARN               w',
      '                   fix: f',
      '',
      '1 ok, 1 warning, 1 failure',
    ]);
  });
});
