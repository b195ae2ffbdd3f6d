import { CommanderError } from 'commander';
import { processCli } from './output/cli.ts';
import { createProgram } from './program.ts';

const cli = processCli(process.env);
try {
  await createProgram(cli).parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // its words were printed by commander; help that was asked for is no error
  cli.end(error.exitCode === 0 ? 0 : 2);
}
