export { type MetadataSecurity, metadataSecurity } from '@millrace/core/adapters/kafka/security.ts';
