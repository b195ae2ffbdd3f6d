import type { Cli, Style } from './cli.ts';
import type { Painter } from './text-table.ts';

const styles: Readonly<Record<string, Style>> = {
  RUNNING: 'green',
  WAITING_FOR_TOPIC: 'yellow',
  PAUSED: 'yellow',
  BLOCKED: 'red',
  FAILED: 'red',
  DATA_LOSS_SUSPECTED: 'red',
};

/** A word in the colour of what it says, e.g. a dataset's state; others as they are. */
export function paintWord(cli: Cli, word: string): string {
  const style = styles[word];
  return style === undefined ? word : cli.paint(style, word);
}

/** Tables of the command line: bold head, states in their colour. */
export const tablePaint = (cli: Cli): { head: Painter; cell: Painter } => ({
  head: (cell) => cli.paint('bold', cell),
  cell: (cell) => paintWord(cli, cell),
});
