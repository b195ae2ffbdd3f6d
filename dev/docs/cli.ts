import { createProgram } from '@millrace/cli/program.ts';
import type { Command } from 'commander';
import { GENERATED, page, prose, table } from './markdown.ts';

/** Columns of the help as the page shows it. */
const HELP_WIDTH = 110;

/** `docs/reference/cli.md`. Pure. */
export function cliPage(): string {
  const program = createProgram();
  const commands = leaves(program);
  return page(
    GENERATED,
    '# Command line',
    'In a checkout `npx millrace …`, in the image `cli …`. Configured by the same [environment variables](configuration.md) as the services.',
    `## Exit codes

| Code | Means |
|---|---|
| 0 | done, or the answer is yes |
| 1 | the answer is no: differences, a failed check, a limit that is passed |
| 2 | it could not ask: wrong usage, a side that is away, something that is not there |`,
    'Answers go to standard output, complaints to standard error. `-o json` and `-o yaml` hold the same data as the table, 64-bit numbers as decimal text. Colour only on a terminal, never with `NO_COLOR`.',
    '## Commands',
    table(
      ['Command', 'What it does'],
      commands.map((command) => [`[\`${pathOf(command)}\`](#${pathOf(command).replaceAll(' ', '-')})`, prose(command.description())]),
    ),
    ...commands.map((command) => `## ${pathOf(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``),
  );
}

/** The commands that do something, in the order of the program; one that only holds others is told by these. */
function leaves(command: Command): Command[] {
  const own =
    command.parent !== null && (command.commands.length === 0 || command.registeredArguments.length > 0 || command.options.length > 0)
      ? [command]
      : [];
  return [...own, ...command.commands.flatMap(leaves)];
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** What `--help` prints, with the texts that are added behind it, without colour and at one width wherever it is made. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (chunk) => {
      text += chunk;
    },
    getOutHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}
