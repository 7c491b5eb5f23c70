import { grantsOf, inOrder } from '../../../projections/acls.ts';
import type { State } from '../../../projections/state.ts';
import { principalText, resourceText } from '../../deciders/resources.ts';
import type { StateTable } from './metaServiceTables.ts';
import type { ColumnType, Row, SysColumn } from './selector.ts';
import type { Sees } from './tableAccess.ts';

const column = (name: string, type: ColumnType, about: string): SysColumn => ({ name, type, about });

export const aclTable: StateTable = {
  table: {
    name: 'acls',
    about: 'Who may, or may not, do what to what, from where: the access control list.',
    columns: [
      column('resource_type', 'VARCHAR', 'One of CLUSTER, DATABASE and TABLE.'),
      column('resource', 'VARCHAR', 'What it is about: cluster, a database, or database.table; * is every database, *.* every table.'),
      column('principal', 'VARCHAR', 'User:alice; *:* is everyone.'),
      column('host', 'VARCHAR', 'The address that it is about; * is any.'),
      column('operation', 'VARCHAR', 'READ, WRITE, CREATE, DROP, ALTER, DESCRIBE, CLUSTER_ACTION, IDEMPOTENT_WRITE, or ALL of them.'),
      column('permission', 'VARCHAR', 'ALLOW or DENY.'),
      column('position', 'BIGINT', 'The event that granted it.'),
      column('granted_at', 'TIMESTAMP_LTZ(3)', 'When that was.'),
      column('granted_by', 'VARCHAR', 'Who did it.'),
    ],
  },
  *rows(state: State, sees: Sees): Generator<Row> {
    for (const { effect, grantedAt, grantedBy, host, operation, position, principal, resource } of inOrder(grantsOf(state.acls)))
      if (sees(resource))
        yield [resource.type, resourceText(resource), principalText(principal), host, operation, effect, position, grantedAt, grantedBy];
  },
};
