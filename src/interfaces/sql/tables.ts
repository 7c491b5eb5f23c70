import type { SelectOptions } from '../../engine/history/port.ts';
import type { NodeStatus } from '../../engine/node.ts';
import type { Procedure } from './procedure.ts';
import { procedures } from './procedures.ts';

/** `[config_keys STRING…]`: names and types, those in brackets may be left out, those with an ellipsis take several values. */
export const signatureOf = ({ parameters }: Procedure): string =>
  parameters
    .map(({ name, isList, isOptional }) => {
      const shown = `${name} STRING${isList ? '…' : ''}`;
      return isOptional ? `[${shown}]` : shown;
    })
    .join(', ');

/** Rows of system tables that are in no log: how far the members are, as this node heard of it, and what this release can do. */
export const liveRows = ({ nodeId, position, members }: Pick<NodeStatus, 'nodeId' | 'position' | 'members'>): SelectOptions['live'] => ({
  // Of itself a node knows better than what it published last.
  coordinators: members.map((member) => ({ node_id: member.nodeId, position: member.nodeId === nodeId ? position : member.position })),
  procedures: procedures.map((procedure) => ({ name: procedure.name, arguments: signatureOf(procedure), description: procedure.about })),
});
