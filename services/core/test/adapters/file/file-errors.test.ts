import { fileError } from '@millrace/core/adapters/file/file-errors.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
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

test('values a table is split by are neither in the error nor in its cause', () => {
  const path = '/lake/orders/name=secret/part';
  const error = fileError('cannot write', path, Object.assign(new Error(`EDOM: oops, open '${path}'`), { code: 'EDOM' }));
  expect(error.fields).toMatchObject({ path: '/lake/orders/name=…/part', errno: 'EDOM' });
  expect(error.cause).toMatchObject({ code: 'EDOM' });
  expect(describeError(error)).toContain('name=…/part');
  expect(describeError(error)).not.toContain('secret');
});
