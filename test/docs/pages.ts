/** One fenced block of a page. Pure data. */
export type Block = {
  /** of the opening fence, from 1 */
  readonly line: number;
  /** first word behind the fence: `sh`, `console`, `text` … */
  readonly language: string;
  /** what stands behind it: `output` for what the commands before print */
  readonly info: string;
  readonly text: string;
  /** why the commands are not run; undefined for those that are */
  readonly reason: string | undefined;
};

/** Commands to run together, and lines they must print in this order. `…` in an expected line stands for anything. */
export type Step = { readonly line: number; readonly script: string; readonly expected: readonly string[] };

/** Languages of blocks that a reader copies into a shell. */
const COMMANDS = new Set(['sh', 'bash', 'shell', 'console']);

export const isCommands = (block: Block): boolean => COMMANDS.has(block.language);

/**
 * The fenced blocks of a page in Markdown. Pure.
 * `<!-- not run: reason -->` on the line before the fence, or on the one before that when it is empty, says why commands are not run.
 * @throws Error naming the line of a fence that is never closed
 */
export function blocksOf(page: string): Block[] {
  const lines = page.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const open = /^\s*```+\s*(\S*)\s*(.*)$/.exec(lines[at] ?? '');
    if (open === null) continue;
    const end = lines.findIndex((line, index) => index > at && /^\s*```+\s*$/.test(line));
    if (end < 0) throw new Error(`line ${at + 1}: this block is never closed`);
    const before = lines[at - 1]?.trim() === '' ? lines[at - 2] : lines[at - 1];
    const reason = /<!--\s*not run:\s*(.*?)\s*-->/.exec(before ?? '')?.[1];
    blocks.push({
      line: at + 1,
      language: open[1] ?? '',
      info: open[2] ?? '',
      text: `${lines.slice(at + 1, end).join('\n')}\n`,
      reason: reason === '' ? undefined : reason,
    });
    at = end;
  }
  return blocks;
}

/** What a page asks its reader to run, in order. A block `text output` behind commands is what these print. Pure. */
export function stepsOf(blocks: readonly Block[]): Step[] {
  return blocks.flatMap((block, index) => {
    if (!isCommands(block) || block.reason !== undefined) return [];
    if (block.language === 'console') return consoleSteps(block);
    const next = blocks[index + 1];
    const expected = next?.language === 'text' && next.info === 'output' ? expectedLines(next.text.split('\n')) : [];
    return [{ line: block.line, script: block.text, expected }];
  });
}

/** A `console` block holds prompts (`$ `) and output; a line that ends with a backslash goes on. */
function consoleSteps(block: Block): Step[] {
  const steps: { line: number; script: string; expected: string[] }[] = [];
  let open = false;
  for (const [index, line] of block.text.trimEnd().split('\n').entries()) {
    const last = steps.at(-1);
    if (line.startsWith('$ ')) steps.push({ line: block.line + 1 + index, script: `${line.slice(2)}\n`, expected: [] });
    else if (open && last !== undefined) last.script += `${line}\n`;
    else last?.expected.push(...expectedLines([line]));
    open = (line.startsWith('$ ') || open) && line.endsWith('\\');
  }
  return steps;
}

const squeezed = (line: string): string => line.replaceAll(/\s+/g, ' ').trim();
const expectedLines = (lines: readonly string[]): string[] => lines.map(squeezed).filter((line) => line !== '' && line !== '…');

/**
 * The first expected line that the output does not have, in order; undefined when all are there. Pure.
 * White space counts as one space, `…` as anything; other lines may stand between.
 */
export function missingLine(expected: readonly string[], output: string): string | undefined {
  const lines = output.split('\n').map(squeezed);
  let from = 0;
  for (const want of expected) {
    const pattern = new RegExp(`^${want.split('…').map(escaped).join('.*')}$`, 'u');
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (found < 0) return want;
    from = found + 1;
  }
  return undefined;
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
