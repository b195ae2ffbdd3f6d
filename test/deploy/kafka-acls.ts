import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** One right, as `deploy/kafka/acls.sh --print` says it. */
export type Right = { user: string; operation: string; kind: 'topic' | 'group'; pattern: 'literal' | 'prefixed'; name: string };

export const aclsScript = join(import.meta.dirname, '../../deploy/kafka/acls.sh');

/** The rights that the script gives. */
export function printedRights(env: Readonly<Record<string, string>>): Right[] {
  const text = execFileSync('sh', [aclsScript, '--print'], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [user = '', operation = '', kind, pattern, name = ''] = line.split(' ');
      return { user, operation, kind, pattern, name } as Right;
    });
}
