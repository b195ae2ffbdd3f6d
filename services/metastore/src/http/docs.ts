import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type RequestHandler, Router } from 'express';

const require = createRequire(import.meta.url);
/** Where the package lies, wherever npm put it. */
const folder = dirname(require.resolve('swagger-ui-dist/package.json'));

/** The files of swagger-ui that the page needs; all else stays unserved. */
const assets = { 'swagger-ui.css': 'text/css', 'swagger-ui-bundle.js': 'text/javascript', 'favicon-32x32.png': 'image/png' } as const;

/** Nothing from elsewhere: the page works without a network. swagger-ui sets styles on elements and draws icons from data URLs. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** /openapi.json and the /docs page that shows it, served from this machine alone. */
export function docsRoutes(document: object): Router {
  const router = Router();
  const text = JSON.stringify(document);
  router.get('/openapi.json', (_request, response) => {
    response.type('application/json').send(text);
  });
  const html: RequestHandler = (request, response) => {
    response.set('Content-Security-Policy', policy).type('html').send(page(request.baseUrl));
  };
  router.get('/docs', html);
  router.get('/docs/start.js', (request, response) => {
    response
      .type('text/javascript')
      .send(
        `SwaggerUIBundle({ url: ${JSON.stringify(`${request.baseUrl}/openapi.json`)}, dom_id: '#docs', deepLinking: true, validatorUrl: null, presets: [SwaggerUIBundle.presets.apis] });\n`,
      );
  });
  for (const [file, type] of Object.entries(assets))
    router.get(`/docs/${file}`, async (_request, response) => {
      response
        .type(type)
        .set('Cache-Control', 'public, max-age=86400')
        .send(await readFile(join(folder, file)));
    });
  return router;
}

function page(base: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace metastore</title>
<link rel="icon" type="image/png" href="${base}/docs/favicon-32x32.png">
<link rel="stylesheet" href="${base}/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="${base}/docs/swagger-ui-bundle.js"></script>
<script src="${base}/docs/start.js"></script>
</body>
</html>
`;
}
