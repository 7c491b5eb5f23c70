import type { KeyValue } from './keyTools.ts';

/** The records that get_value shows, by the type of their key: the present state, secrets as they lie in the log. */
export const keyValues: Readonly<Record<string, KeyValue>> = {};
