import { Command, InvalidArgumentError, Option } from 'commander';
import { type Cli, type ExitCode, run } from '../output/cli.ts';
import { type Format, outputOption, show } from '../output/format.ts';
import { countLevels } from './finding.ts';
import { doctorLagCommand } from './lag/command.ts';
import { type Machine, ownVersion, thisMachine } from './probe/machine.ts';
import { doctorData, renderDoctor } from './render.ts';
import { type Role, roles } from './settings.ts';

type DoctorOptions = { output: Format; bundle?: string; role: Role[]; topic: string[]; service: string[] };

/** `millrace doctor` and `millrace doctor lag`. @param machine where it runs; a test gives another */
export function doctorCommand(cli: Cli, machine: () => Machine = thisMachine): Command {
  return new Command('doctor')
    .enablePositionalOptions()
    .description(
      'look at brokers, stores, database, metastore and this machine as the environment names them, and say what is wrong and how to mend it',
    )
    .addOption(
      new Option('--role <roles>', `whose needs to look at, of ${roles.join(',')}; by default those the environment configures`)
        .argParser(collectRoles)
        .default([], 'all that are configured'),
    )
    .addOption(
      new Option('--topic <topic>', 'a source topic to look at besides those of the datasets; may be given again')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--bundle <file.tgz>', 'also write all that somebody else needs to find the fault, without secrets and records')
    .addOption(
      new Option('--service <url>', 'admin address of a service whose health and metrics go into the bundle; may be given again')
        .argParser(collect)
        .default([], 'ports 9100 to 9102 of this machine'),
    )
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nEvery check has its own time limit, and all run side by side. Warnings do not fail. Exit codes: 0 no failure, 1 a failure, 2 wrong usage.',
    )
    .action((options: DoctorOptions) => run(cli, () => doctor(cli, machine(), options)))
    .addCommand(doctorLagCommand(cli));
}

function collect(one: string, before: string[]): string[] {
  return [...before, one];
}

function collectRoles(text: string, before: Role[]): Role[] {
  const named = text.split(',').map((part) => part.trim());
  const wrong = named.find((name) => !roles.includes(name as Role));
  if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${roles.join(', ')}.`);
  return [...new Set([...before, ...(named as Role[])])];
}

async function doctor(cli: Cli, machine: Machine, { output, role, topic, bundle, service }: DoctorOptions): Promise<ExitCode> {
  // clients of brokers, stores and databases are loaded only when they are asked
  const { examine } = await import('./examine.ts');
  const { results, properties } = await examine(cli.env, { roles: role, topics: topic, machine });
  const data = doctorData(results, { at: new Date().toISOString(), version: ownVersion, node: process.version });
  await show(cli, output, data, () => renderDoctor(results, cli.paint, process.stdout.columns));
  if (bundle !== undefined) {
    const { writeBundle } = await import('./bundle/bundle.ts');
    const files = await writeBundle(bundle, results, { env: cli.env, properties, services: service });
    cli.complain(`${bundle}: ${files.length} files`);
  }
  return countLevels(results).failure === 0 ? 0 : 1;
}
