import { Command } from 'commander';
import { auditCommand } from './commands/audit.ts';
import { clustersCommands } from './commands/clusters.ts';
import { completionCommand } from './commands/completion.ts';
import { datasetsCommands } from './commands/datasets.ts';
import { gapsCommands } from './commands/gaps.ts';
import { lagCommand } from './commands/lag.ts';
import { rawCommands } from './commands/raw.ts';
import { traceCommand } from './commands/trace.ts';
import { verifyCommand } from './commands/verify.ts';
import { doctorCommand } from './doctor/command.ts';
import type { Cli } from './output/cli.ts';

/** For a program that is only described, never run. */
const nowhere: Cli = { env: {}, write: async () => {}, complain: () => {}, paint: (_, text) => text, end: () => {} };

/**
 * The whole command line, not parsed yet: making it touches nothing, so the reference page and the shell completion are made from it too.
 * Wrong usage throws a `CommanderError` when it is parsed.
 */
export function createProgram(cli: Cli = nowhere): Command {
  const program = new Command('millrace')
    // options belong to the command they stand behind: `doctor` and `doctor lag` both have `-o`
    .enablePositionalOptions()
    .description('Kafka topics into lake tables, with every record accounted for')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, or the answer is yes; 1 the answer is no (differences, a failed check, a limit passed); 2 could not ask, wrong usage.\nColour only on a terminal, never with NO_COLOR.',
    );
  for (const command of [
    verifyCommand(cli),
    traceCommand(cli),
    rawCommands(cli),
    lagCommand(cli),
    datasetsCommands(cli),
    gapsCommands(cli),
    clustersCommands(cli),
    auditCommand(cli),
    doctorCommand(cli),
    completionCommand(cli),
  ])
    program.addCommand(command);
  return withinCli(program, cli);
}

/** Commander's own way is to write to the process and to end it: here it goes through `cli`, and whoever parses decides. Commands inherit that only when made later, so it is said to each. */
function withinCli(command: Command, cli: Cli): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => void cli.write(text).catch(() => undefined),
    writeErr: (text) => cli.complain(text.trimEnd()),
  });
  for (const inner of command.commands) withinCli(inner, cli);
  return command;
}
