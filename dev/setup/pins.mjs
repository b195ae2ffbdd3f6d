/** Every version the set-up brings, in one place. The reason stands where a newer version would be wrong. */

/** The oldest Node the project runs under: type stripping and `process.loadEnvFile` without flags. */
export const NODE_OLDEST = [22, 22, 0];
export const NODE_VERSION = '24.21.0';

/** 4.4.0 is only half published: its `kafka-tools` is missing. The same version stands in `poms/kafka.xml`. */
export const KAFKA_VERSION = '4.3.1';

/** Every published version is called "-beta"; a range would pick any of them. */
export const POSTGRES_VERSION = '18.4.0-beta.17';

/** Versions before 1.8.0 let two conditional writers win. */
export const VERSITYGW_VERSION = '1.8.0';

/** The last one that Go 1.24 builds. */
export const HELM_VERSION = '3.19.5';

/** `kubernetes-validate` of the Python package index: one folder of JSON Schemas for each release of Kubernetes. */
export const KUBERNETES_SCHEMAS_VERSION = '1.37.0';
/** The oldest that the chart accepts, and the newest there is. */
export const KUBERNETES_VERSIONS = ['1.30', '1.37'];

/** Go modules that hold the definitions of kinds which operators add to Kubernetes. */
export const CRD_MODULES = [
  {
    module: 'github.com/kedacore/keda/v2',
    version: 'v2.17.2',
    files: ['config/crd/bases/keda.sh_scaledobjects.yaml'],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    files: [
      'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
      'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    ],
  },
];

/** Go module that holds the Compose specification's schema, and the loader that engines use. */
export const COMPOSE_SPEC_VERSION = '2.16.2';

export const JAVA_OLDEST = 17;
export const PYTHON_OLDEST = [3, 11];
export const GO_OLDEST = [1, 24];
