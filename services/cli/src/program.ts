import { Command } from 'commander';
import { auditCommand } from './commands/audit.ts';
import { clustersCommands } from './commands/clusters.ts';
import { datasetsCommands } from './commands/datasets.ts';
import { gapsCommands } from './commands/gaps.ts';
import { verifyCommand } from './commands/verify.ts';
import type { Cli } from './output/cli.ts';

/** For a program that is only described, never run. */
const nowhere: Cli = { env: {}, write: async () => {}, complain: () => {}, paint: (_, text) => text, end: () => {} };

/**
 * The whole command line, not parsed yet: making it touches nothing, so the reference page and the shell completion are made from it too.
 * Wrong usage throws a `CommanderError` when it is parsed.
 */
export function createProgram(cli: Cli = nowhere): Command {
  const program = new Command('millrace')
    .description('Kafka topics into lake tables, with every record accounted for')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, or the answer is yes; 1 the answer is no (differences, a failed check, a limit passed); 2 could not ask, wrong usage.\nColour only on a terminal, never with NO_COLOR.',
    );
  for (const command of [verifyCommand(cli), datasetsCommands(cli), gapsCommands(cli), clustersCommands(cli), auditCommand(cli)])
    program.addCommand(command);
  return throwing(program);
}

/** Commander's own way is to end the process: here whoever parses decides. Inherited only by commands made later, so it is said to each. */
function throwing(command: Command): Command {
  command.exitOverride();
  for (const inner of command.commands) throwing(inner);
  return command;
}
