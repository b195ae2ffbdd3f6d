/** Rooms and doors: which part of the tree may import what. The names of the rules are what a broken one prints. */

const SERVICE = '^services/[^/]+/src/';
const CORE = '^services/core/src/';
const DECISIONS = '^services/phase1-dumper/src/dump/|^services/phase2-transformer/src/(plan|infer)/';
/** Text codecs and value shapes outside the domain that touch nothing either. */
const PURE_CODECS = `${CORE}delta/(actions|paths)\\.ts$|^services/phase2-transformer/src/(decode/json-value|formats/delta/(metadata|schema-string))\\.ts$`;
const PURE = `${CORE}(domain|ports|transform)/|${DECISIONS}|${PURE_CODECS}`;

/** A vendor's package and the rooms that may touch it; everything else goes through their ports. */
const vendor = (name, packages, rooms) => ({
  name: `${name}-stays-in-its-room`,
  severity: 'error',
  from: { path: SERVICE, pathNot: rooms },
  to: { path: `node_modules/(${packages})(/|$)` },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'domain-imports-itself',
      comment: 'Values and pure functions. zod is the one library: it describes and checks values and touches nothing.',
      severity: 'error',
      from: { path: `${CORE}domain/` },
      to: { pathNot: [`${CORE}domain/`, 'node_modules/zod(/|$)'] },
    },
    {
      name: 'ports-are-promises',
      severity: 'error',
      from: { path: `${CORE}(ports|transform)/` },
      to: { pathNot: [`${CORE}(domain|ports|transform)/`] },
    },
    {
      name: 'decisions-are-pure',
      comment: 'Arguments in, plan out. Types from anywhere in core and the own service; what runs is domain and other decisions.',
      severity: 'error',
      from: { path: DECISIONS },
      to: { pathNot: [`${CORE}domain/`, DECISIONS, PURE_CODECS, 'node_modules/zod(/|$)'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-rooms-touch-no-machine',
      severity: 'error',
      from: { path: PURE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'core-knows-no-service',
      severity: 'error',
      from: { path: CORE },
      to: { path: '^services/(?!core/)' },
    },
    {
      name: 'services-meet-through-core-and-the-metastore-client',
      severity: 'error',
      from: { path: '^services/([^/]+)/(src|bin)/' },
      to: { path: '^services/', pathNot: ['^services/$1/', CORE, '^services/metastore/src/client/'] },
    },
    {
      name: 'metastore-client-knows-no-server',
      severity: 'error',
      from: { path: '^services/metastore/src/client/' },
      to: { path: '^services/metastore/src/(http|store)/' },
    },
    {
      name: 'http-speaks-to-the-store-interface',
      severity: 'error',
      from: { path: '^services/metastore/src/http/' },
      to: { path: '^services/metastore/src/store/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'store-knows-no-http',
      severity: 'error',
      from: { path: '^services/metastore/src/store/' },
      to: { path: '^services/metastore/src/http/' },
    },
    {
      name: 'formats-do-not-know-each-other',
      severity: 'error',
      from: { path: '^services/phase2-transformer/src/formats/([^/]+)/' },
      to: { path: '^services/phase2-transformer/src/formats/', pathNot: '^services/phase2-transformer/src/formats/$1/' },
    },
    {
      name: 'main-is-not-imported',
      comment: 'main.ts wires; nobody else needs it.',
      severity: 'error',
      from: { path: '^(services|dev)/' },
      to: { path: '/main\\.ts$' },
    },
    {
      name: 'nothing-shipped-imports-tests-or-tools',
      severity: 'error',
      from: { path: SERVICE },
      to: { path: '^(test|dev)/|^services/[^/]+/test/' },
    },
    {
      name: 'fakes-stay-in-tests',
      severity: 'error',
      from: { path: SERVICE, pathNot: `${CORE}testing/` },
      to: { path: `${CORE}testing/` },
    },
    {
      name: 'tracing-is-loaded-on-request',
      comment: 'Whoever wants no traces loads nothing for them.',
      severity: 'error',
      from: { path: SERVICE },
      to: { path: `${CORE}adapters/tracing/otlp-tracer\\.ts$`, dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'set-up-runs-before-anything-is-installed',
      severity: 'error',
      from: { path: '^dev/setup/', pathNot: '^dev/setup/test/' },
      to: { path: '^services/|node_modules/|^dev/(?!setup/)' },
    },
    vendor('aws', '@aws-sdk|@smithy', [`${CORE}adapters/s3/`]),
    vendor('postgres', 'pg|kysely|node-pg-migrate', ['^services/metastore/src/store/', '^services/cli/src/doctor/probe/']),
    vendor('express', 'express', ['^services/metastore/src/http/', `${CORE}adapters/admin/`]),
    vendor('kafka-client', '@confluentinc|@platformatic', [
      '^services/phase1-dumper/src/kafka/',
      '^services/phase2-transformer/src/kafka/',
      `${CORE}adapters/kafka/`,
      '^services/cli/src/(verify|demo|doctor)/',
      `${CORE}testing/`,
    ]),
    vendor('parquet', 'parquet-wasm|apache-arrow', ['^services/phase2-transformer/src/(formats|workers|columns)/', `${CORE}delta/`]),
    vendor('opentelemetry', '@opentelemetry', [`${CORE}adapters/tracing/`]),
    vendor('duckdb', '@duckdb', ['^services/cli/src/']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)\\.millrace/|\\.d\\.ts$' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types alone count: a rule about knowing is not only about running.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    combinedDependencies: true,
  },
};
