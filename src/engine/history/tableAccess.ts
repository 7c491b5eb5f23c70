import type { AclResource } from '../../../events/acls.ts';
import type { State } from '../../../projections/state.ts';
import { mayDescribe } from '../../deciders/acls.ts';
import { type Asker, denialOf, isAuthorizing } from '../../deciders/authorizer.ts';
import { needsOfAccess, tableAccess } from '../../deciders/permissions.ts';
import { HistoryRefused } from './port.ts';

/** Whether a reader sees what is said about a resource. */
export type Sees = (resource: AclResource) => boolean;

/**
 * What somebody sees of a system table, now and in the past: by what they may now.
 * @returns for tables that are judged row by row which rows; for all others every one
 * @throws HistoryRefused with AUTHORIZATION_DENIED
 */
export function viewOfTable(now: State, asker: Asker, table: string): Sees {
  const access = tableAccess[table];
  if (access === undefined)
    throw new Error(`sys.${table} is not in tableAccess of src/deciders/permissions.ts: say there what readers need`);
  if (!isAuthorizing(now)) return everything;
  const denial = denialOf(now, asker, needsOfAccess(access, asker));
  if (denial !== undefined)
    throw new HistoryRefused(denial.code, denial.detail, denial.remedy, undefined, { ...denial.facts, table: `sys.${table}` });
  return access.kind === 'judged' ? mayDescribe(now, asker) : everything;
}

const everything: Sees = () => true;
