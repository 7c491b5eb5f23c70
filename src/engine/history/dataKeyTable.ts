import { describeDataKeys } from '../dataKeys.ts';
import type { StateTable } from './metaServiceTables.ts';

export const dataKeyTable: StateTable = {
  table: {
    name: 'data_keys',
    about: 'The keys that seal secrets, oldest first; the keys themselves are never shown.',
    columns: [
      { name: 'key_id', type: 'VARCHAR', about: 'Its id, which follows from the key.' },
      {
        name: 'state',
        type: 'VARCHAR',
        about: 'One of current (it seals what comes), live, shredded and master (no data key, but it seals values in force by itself).',
      },
      { name: 'sealed_values', type: 'BIGINT', about: 'How many values in force it seals.' },
      { name: 'master_key_id', type: 'VARCHAR', about: 'The master key that opens it; NULL once it is shredded.' },
      { name: 'position', type: 'BIGINT', about: 'The event that made it.' },
      { name: 'created_at', type: 'TIMESTAMP_LTZ(3)', about: 'When that was.' },
      { name: 'created_by', type: 'VARCHAR', about: 'Who made it; chancery for the first one.' },
      { name: 'shredded_at', type: 'TIMESTAMP_LTZ(3)', about: 'When it was given up.' },
      { name: 'shredded_by', type: 'VARCHAR', about: 'Who gave it up.' },
    ],
  },
  rows: (state) =>
    describeDataKeys(state).map((key) => [
      key.keyId,
      key.state,
      key.sealedValues,
      key.masterKeyId ?? null,
      key.position ?? null,
      key.createdAt ?? null,
      key.createdBy ?? null,
      key.shreddedAt ?? null,
      key.shreddedBy ?? null,
    ]),
};
