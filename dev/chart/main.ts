import { derivedFiles, writeFiles } from './files.ts';
import { folder, operatorsFolder, renderKubernetes } from './render.ts';

/** `npm run deploy:render`: brings the chart's copies up to date, then deploy/k8s, which is the chart rendered. Tests compare both. */
writeFiles(derivedFiles(), ['deploy/helm/millrace/files', 'deploy/helm/millrace/files/dashboards']);
const manifests = await renderKubernetes();
writeFiles(manifests, [operatorsFolder]);
process.stdout.write(`${folder}: ${manifests.size} files\n`);
