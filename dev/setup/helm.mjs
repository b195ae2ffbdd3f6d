import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cleanEnv, run } from './exec.mjs';
import { helm, kubernetesSchemas, pythonOf, testPythonDir } from './paths.mjs';
import { CRD_MODULES, HELM_VERSION, KUBERNETES_SCHEMAS_VERSION, KUBERNETES_VERSIONS } from './pins.mjs';
import { fillOnce } from './place.mjs';
import { ensureTestPython } from './python.mjs';

/** The release of Kubernetes that Helm renders for when nobody says another: its own build script takes it from its libraries, and without it is 1.20. */
const RENDERS_FOR = { Major: '1', Minor: '34' };
const GO_ADVICE = 'Is a Go module proxy in reach (go env GOPROXY)?';

/** Builds Helm. Only the binary is kept, as with the S3 server. */
export async function ensureHelm() {
  await fillOnce({
    title: `Helm ${HELM_VERSION} (built with Go, some 2 minutes)`,
    target: dirname(helm),
    fill: async (temporary) => {
      const release = ['pkg/lint/rules', 'pkg/chartutil'].flatMap((folder) =>
        Object.entries(RENDERS_FOR).map(([place, number]) => `-X helm.sh/helm/v3/${folder}.k8sVersion${place}=${number}`),
      );
      const flags = ['-s', '-w', ...release].join(' ');
      await run('go', ['install', '-trimpath', '-ldflags', flags, `helm.sh/helm/v3/cmd/helm@v${HELM_VERSION}`], {
        cwd: temporary,
        env: goEnv({ GOBIN: join(temporary, 'bin') }),
        advice: GO_ADVICE,
      });
      renameSync(join(temporary, 'bin', 'helm'), join(temporary, 'helm'));
    },
  });
}

/** Unpacks `kubernetes-json-schema/v<version>-local-strict/` of a wheel: the kinds refuse members they do not know. */
const UNPACK = `
import pathlib, sys, zipfile
wheel, target, *versions = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for version in versions:
        folder = pathlib.Path(target) / version
        folder.mkdir()
        for name in archive.namelist():
            if f'/v{version}.0-local-strict/' in name:
                (folder / name.rsplit('/', 1)[1]).write_bytes(archive.read(name))
`;

/**
 * Brings the schemas of Kubernetes' own objects, as a Python package bundles them, and those of the operators' objects the chart can make,
 * out of the operators' Go modules.
 */
export async function ensureKubernetesSchemas() {
  await ensureTestPython();
  await fillOnce({
    title: `schemas of Kubernetes ${KUBERNETES_VERSIONS.join(' and ')}, KEDA and the Prometheus operator (about 45 MB)`,
    target: kubernetesSchemas(),
    fill: async (temporary) => {
      const python = pythonOf(testPythonDir());
      const wheel = `kubernetes-validate==${KUBERNETES_SCHEMAS_VERSION}`;
      const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'];
      await run(python, [...args, '-d', temporary, wheel], { advice: 'Is the Python package index in reach (pip config list)?' });
      const file = join(temporary, readdirSync(temporary).find((name) => name.endsWith('.whl')) ?? '');
      await run(python, ['-c', UNPACK, file, temporary, ...KUBERNETES_VERSIONS]);
      rmSync(file);
      await copyCustomKinds(join(temporary, 'custom'));
    },
  });
}

async function copyCustomKinds(target) {
  mkdirSync(target);
  for (const { module, version, files } of CRD_MODULES) {
    const answer = await run('go', ['mod', 'download', '-json', `${module}@${version}`], {
      cwd: target,
      env: goEnv({}),
      advice: GO_ADVICE,
    });
    const { Dir: directory } = JSON.parse(answer);
    // read and written, not copied: a copy would keep the module cache's read-only mode
    for (const file of files) writeFileSync(join(target, basename(file)), readFileSync(join(directory, file)));
  }
}

const goEnv = (more) => cleanEnv({ ...more, GOFLAGS: [process.env.GOFLAGS, '-buildvcs=false'].filter(Boolean).join(' ') });
