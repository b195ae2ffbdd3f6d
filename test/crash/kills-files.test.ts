import { defineKillsTest } from './kills.ts';

defineKillsTest('files');
