import { expect, test } from 'vitest';
import { syntaxErrors } from '../support/promql.ts';
import { readRules, ruleFileNames } from './rule-files.ts';
import { divided, durationMs, shortened } from './shortened.ts';

test.each([
  ['0', 0],
  ['15s', 15_000],
  ['1h30m', 5_400_000],
  ['3d', 259_200_000],
  ['250ms', 250],
  ['1m500ms', 60_500],
])('%s is %d ms', (text, ms) => expect(durationMs(text)).toBe(ms));

test.each(['', '5', 'm', '1.5s', '5m ', '5 m', '5M'])('%j is not a duration', (text) =>
  expect(() => durationMs(text)).toThrow('not a duration'),
);

test.each([
  ['1h', '60s'],
  ['5m', '5s'],
  ['15s', '250ms'],
  ['3d', '4320s'],
  ['0', '0s'],
])('%s in fast motion is %s', (text, short) => expect(divided(text, 60)).toBe(short));

test('what is too short to be divided is refused', () => expect(() => divided('1ms', 60)).toThrow('no whole number of milliseconds'));

test('windows, subqueries, offsets, waiting and intervals are divided; numbers, labels and texts stay', () => {
  const rules = [
    { record: 'millrace:a:ratio5m', expr: 'sum by (x) (increase(a_count{le=~"300([.]0)?", range="5m"}[5m])) > 300' },
    {
      alert: 'A',
      expr: 'max_over_time(millrace:a:ratio5m[1h:1m] offset 1d) > 14.4 and a offset 15s',
      for: '2m',
      labels: { severity: 'page' },
      annotations: { summary: 'for 5m' },
    },
  ];
  expect(
    shortened(
      {
        groups: [
          { name: 'g', interval: '1m', rules },
          { name: 'h', rules: [] },
        ],
      },
      60,
    ),
  ).toEqual({
    groups: [
      {
        name: 'g',
        interval: '1s',
        rules: [
          { record: 'millrace:a:ratio5m', expr: 'sum by (x) (increase(a_count{le=~"300([.]0)?", range="5m"}[5s])) > 300' },
          {
            alert: 'A',
            expr: 'max_over_time(millrace:a:ratio5m[60s:1s] offset 1440s) > 14.4 and a offset 250ms',
            for: '2s',
            labels: { severity: 'page' },
            annotations: { summary: 'for 5m' },
          },
        ],
      },
      { name: 'h', rules: [] },
    ],
  });
});

test.each(ruleFileNames)('%s in fast motion: as many rules, other durations, still PromQL', (name) => {
  const before = readRules(name);
  const after = shortened(before, 60);
  expect(after.groups.map(({ rules }) => rules.length)).toEqual(before.groups.map(({ rules }) => rules.length));
  for (const { expr } of after.groups.flatMap(({ rules }) => rules)) {
    expect(syntaxErrors(expr)).toEqual([]);
    expect(expr).not.toMatch(/\[\d+[mhd]/);
  }
});
