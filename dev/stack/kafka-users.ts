/** Who may do anything: the brokers themselves, and whoever makes topics and rights in a test. */
export const superUser = 'admin';

/**
 * Properties that make a cluster ask its clients who they are (SASL/PLAIN) and allow them only what an ACL allows. Pure.
 * @param passwords of the users besides; given to `startKafka` as `properties`
 */
export function authorised(passwords: Readonly<Record<string, string>>, adminPassword: string): Record<string, string> {
  const users = Object.entries({ [superUser]: adminPassword, ...passwords }).map(([name, password]) => `user_${name}="${password}"`);
  const login = `username="${superUser}" password="${adminPassword}"`;
  return {
    'listener.security.protocol.map': 'PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required ${login} ${users.join(' ')};`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // brokers talk to controllers on a listener of their own, without a name
    'super.users': `User:${superUser};User:ANONYMOUS`,
  };
}

/** The client's settings for one of those users, in the words of librdkafka and of Kafka's own tools. Pure. */
export function clientProperties(user: string, password: string): string {
  return `security.protocol=sasl_plaintext\nsasl.mechanism=PLAIN\nsasl.username=${user}\nsasl.password=${password}\n`;
}
