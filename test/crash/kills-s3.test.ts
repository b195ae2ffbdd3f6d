import { defineKillsTest } from './kills.ts';

defineKillsTest('S3');
