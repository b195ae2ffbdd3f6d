import { Argument, Command } from 'commander';
import { shells } from '../completion/shells.ts';
import { commandTree } from '../completion/tree.ts';
import { type Cli, run } from '../output/cli.ts';

/** `millrace completion bash|zsh|fish` */
export function completionCommand(cli: Cli): Command {
  return new Command('completion')
    .description('script that teaches a shell the commands and options')
    .addArgument(new Argument('<shell>').choices(Object.keys(shells)))
    .addHelpText(
      'after',
      '\nIn a shell:  source <(millrace completion bash)\n             source <(millrace completion zsh)\n             millrace completion fish | source',
    )
    .action((shell: keyof typeof shells, _options: unknown, command: Command) =>
      run(cli, async () => {
        await cli.write(shells[shell](commandTree(command.parent ?? command)));
        return 0;
      }),
    );
}
