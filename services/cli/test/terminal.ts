import { CommanderError } from 'commander';
import type { Cli, ExitCode } from '../src/output/cli.ts';
import { createProgram } from '../src/program.ts';

/** What a command printed, said and ended with. */
export type Said = { out: string; bytes: Buffer; err: string; code: ExitCode };

/** A terminal without colours that shows nothing. */
export const silentCli: Cli = {
  env: {},
  write: async () => undefined,
  complain: () => undefined,
  paint: (_, text) => text,
  end: () => undefined,
};

/** Runs the command line in this process, as `main.ts` would. @param more parts of the terminal to replace */
export async function millrace(env: Readonly<Record<string, string>>, args: readonly string[], more: Partial<Cli> = {}): Promise<Said> {
  const pieces: Buffer[] = [];
  const errors: string[] = [];
  let code: ExitCode = 0;
  const cli: Cli = {
    env,
    write: async (chunk) => void pieces.push(Buffer.from(chunk)),
    complain: (text) => void errors.push(text),
    paint: (_, text) => text,
    end: (ended) => {
      code = ended;
    },
    ...more,
  };
  try {
    await createProgram(cli).parseAsync(['node', 'millrace', ...args]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = error.exitCode === 0 ? 0 : 2;
  }
  const bytes = Buffer.concat(pieces);
  return { out: bytes.toString('utf8'), bytes, err: errors.join('\n'), code };
}
