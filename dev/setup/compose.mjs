import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnv, run } from './exec.mjs';
import { composeSpec } from './paths.mjs';
import { COMPOSE_SPEC_VERSION } from './pins.mjs';
import { fillOnce } from './place.mjs';

const MODULE = 'github.com/compose-spec/compose-go/v2';
const GO_ADVICE = 'Is a Go module proxy in reach (go env GOPROXY)?';

/** Brings the Compose specification: its JSON Schema, and its own loader built with Go. */
export async function ensureComposeSpec() {
  await fillOnce({
    title: `the Compose specification ${COMPOSE_SPEC_VERSION} (built with Go, under a minute)`,
    target: composeSpec,
    fill: async (temporary) => {
      const goflags = [process.env.GOFLAGS, '-buildvcs=false'].filter(Boolean).join(' ');
      const env = cleanEnv({ GOBIN: join(temporary, 'bin'), GOFLAGS: goflags });
      await run('go', ['install', '-trimpath', '-ldflags', '-s -w', `${MODULE}/cmd@v${COMPOSE_SPEC_VERSION}`], {
        cwd: temporary,
        env,
        advice: GO_ADVICE,
      });
      renameSync(join(temporary, 'bin', 'cmd'), join(temporary, 'load'));
      const about = await run('go', ['mod', 'download', '-json', `${MODULE}@v${COMPOSE_SPEC_VERSION}`], {
        cwd: temporary,
        env,
        advice: GO_ADVICE,
      });
      const { Dir } = JSON.parse(about);
      copyFileSync(join(Dir, 'schema', 'compose-spec.json'), join(temporary, 'compose-spec.json'));
      copyFileSync(join(Dir, 'LICENSE'), join(temporary, 'LICENSE'));
    },
  });
}
