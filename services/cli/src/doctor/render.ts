import type { Style } from '../output/cli.ts';
import { type CheckResult, countLevels, type Level } from './finding.ts';

const marks: Readonly<Record<Level, string>> = { ok: 'ok', warning: 'WARN', failure: 'FAIL', unknown: '?' };
const styles: Readonly<Record<Level, Style>> = { ok: 'green', warning: 'yellow', failure: 'red', unknown: 'dim' };
/** Lines are folded here when no terminal says how wide it is, columns. */
const usualWidth = 120;
const narrowest = 40;

/**
 * What `millrace doctor` prints: a line a finding, what to do below it, the counts at the end. Pure.
 * @param paint colours, or gives the text back as it is  @param width of the terminal, columns
 */
export function renderDoctor(results: readonly CheckResult[], paint: (style: Style, text: string) => string, width = usualWidth): string {
  const nameWidth = Math.max(...results.map(({ name }) => name.length), 1);
  const indent = 4 + 2 + nameWidth + 2;
  const room = Math.max(narrowest, width - indent);
  const lines = results.flatMap(({ name, findings }) =>
    findings.flatMap(({ level, says, fix }, at) => {
      const [first = '', ...more] = fold(says, room);
      const head = `${paint(styles[level], marks[level].padEnd(4))}  ${(at === 0 ? name : '').padEnd(nameWidth)}  ${first}`;
      const advice = fix === undefined ? [] : fold(`fix: ${fix}`, room).map((line) => paint('bold', line));
      return [head, ...[...more, ...advice].map((line) => `${' '.repeat(indent)}${line}`)];
    }),
  );
  const { ok, warning, failure, unknown } = countLevels(results);
  const counts = [
    `${ok} ok`,
    `${warning} ${warning === 1 ? 'warning' : 'warnings'}`,
    ...(unknown > 0 ? [`${unknown} not looked at`] : []),
    paint(failure > 0 ? 'red' : 'green', `${failure} ${failure === 1 ? 'failure' : 'failures'}`),
  ];
  return [...lines, '', counts.join(', ')].join('\n');
}

/** Breaks a text at spaces; a word longer than the room stays whole, so that it can be copied. */
function fold(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replaceAll('\n', ' ').split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The same as data, for `-o json` and the bundle. Pure. */
export function doctorData(results: readonly CheckResult[], facts: { at: string; version: string; node: string }): unknown {
  const counts = countLevels(results);
  return { ok: counts.failure === 0, ...facts, counts, checks: results };
}
