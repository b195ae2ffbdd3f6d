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

export const JAVA_OLDEST = 17;
export const PYTHON_OLDEST = [3, 11];
export const GO_OLDEST = [1, 24];
