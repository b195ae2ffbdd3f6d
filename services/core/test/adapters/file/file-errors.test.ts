import { fileError } from '@millrace/core/adapters/file/file-errors.ts';
import { expect, test } from 'vitest';

const said = (code: string) => Object.assign(new Error(`${code}: text of the system`), { code });

test.each([
  ['ENOSPC', 'unavailable', 'disk_full', 'free some space'],
  ['EROFS', 'invalid', 'read_only', 'mount it writable'],
  ['EACCES', 'invalid', 'no_permission', 'owner and mode'],
  ['EXDEV', 'invalid', 'crosses_file_systems', 'on one'],
  ['ENOTSUP', 'invalid', 'links_unsupported', 'local disk'],
  ['ENAMETOOLONG', 'invalid', 'key_segment_too_long', 'too long'],
  ['EIO', 'unavailable', 'file_io', 'text of the system'],
])('%s is %s %s and says what to do', (errno, kind, code, advice) => {
  const error = fileError('cannot create', '/lake/x', said(errno), {
    outcome: 'not_applied',
  });
  expect(error).toMatchObject({
    kind,
    code,
    fields: { path: '/lake/x', errno, outcome: 'not_applied' },
  });
  expect(error.message).toContain('/lake/x');
  expect(error.message).toContain(advice);
});
