import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cleanEnv, run } from './exec.mjs';
import { s3Server } from './paths.mjs';
import { VERSITYGW_VERSION } from './pins.mjs';
import { fillOnce } from './place.mjs';

/** Builds the S3 server of the tests. Only the binary is kept: Go's own caches may be emptied by anybody. */
export async function ensureS3Server() {
  await fillOnce({
    title: `the S3 server (versitygw ${VERSITYGW_VERSION}, built with Go, some 2 minutes)`,
    target: dirname(s3Server),
    fill: async (temporary) => {
      const goflags = [process.env.GOFLAGS, '-buildvcs=false'].filter(Boolean).join(' ');
      await run('go', ['install', '-trimpath', '-ldflags', '-s -w', `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW_VERSION}`], {
        cwd: temporary,
        env: cleanEnv({ GOBIN: join(temporary, 'bin'), GOFLAGS: goflags }),
        advice: 'Is a Go module proxy in reach (go env GOPROXY)?',
      });
      renameSync(join(temporary, 'bin', 'versitygw'), join(temporary, 'versitygw'));
    },
  });
}
