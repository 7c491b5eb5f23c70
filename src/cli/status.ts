import { grouped, renderSpan } from './moments.ts';
import { NotReachable, OperatorClient, type OperatorOptions, Refused } from './operatorClient.ts';
import { aligned, harmless, styled, type Terminal } from './terminal.ts';

/** What /v1/status says, as far as it is shown here. */
interface StatusAnswer {
  readonly nodeId: string;
  readonly role: string;
  readonly leaderId?: string;
  readonly operatorUrl: string;
  readonly release: string;
  readonly fault?: string;
  readonly position: number;
  readonly queued: number;
  readonly staleForMs?: number;
  readonly epochs: { readonly current: number };
  readonly members: readonly {
    readonly nodeId: string;
    readonly operatorUrl: string;
    readonly release: string;
    readonly position: number;
  }[];
}
/** A node, asked itself where it answers. `problem`: why it does not. */
export interface NodeView {
  readonly nodeId: string;
  readonly operatorUrl: string;
  readonly release: string;
  readonly role: string;
  readonly position: number;
  /** Events that the newest position known is ahead of this node's. */
  readonly lag: number;
  readonly staleForMs?: number;
  readonly fault?: string;
  readonly problem?: string;
}
export interface ClusterView {
  readonly askedNode: string;
  readonly leaderId?: string;
  readonly epoch: number;
  readonly nodes: readonly NodeView[];
}

const memberTimeoutMs = 2000;

/** `chancery status`: one node names the others, and each is asked for itself. */
export async function status(options: OperatorOptions & { readonly json?: boolean }, terminal: Terminal): Promise<void> {
  const view = await lookAt(new OperatorClient(options, terminal));
  if (options.json === true) terminal.out.write(`${JSON.stringify(view)}\n`);
  else terminal.out.write(`${renderStatus(view, terminal).join('\n')}\n`);
}

/**
 * Asks one node for the others, and each of those for itself.
 * @param atLeast gives every node a moment to fold up to this position; what it then says is where it is.
 * @throws NotReachable when no node answers
 */
export async function lookAt(client: OperatorClient, atLeast?: number): Promise<ClusterView> {
  const asked = (await client.json({ path: '/v1/status' })) as StatusAnswer;
  const others = asked.members.filter((member) => member.nodeId !== asked.nodeId);
  const answers = await Promise.all(others.map((member) => askMember(client, member, atLeast)));
  const known = [asked, ...answers];
  const newest = Math.max(...known.map(({ position }) => position));
  const nodes = known.map((node) => viewOf(node, newest)).sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  return {
    askedNode: asked.nodeId,
    ...(asked.leaderId === undefined ? {} : { leaderId: asked.leaderId }),
    epoch: asked.epochs.current,
    nodes,
  };
}

type Known = Omit<NodeView, 'lag'>;

async function askMember(client: OperatorClient, member: StatusAnswer['members'][number], atLeast: number | undefined): Promise<Known> {
  const { nodeId, operatorUrl, position, release } = member;
  try {
    return (await client.at(operatorUrl).json({
      path: '/v1/status',
      query: { atLeast },
      timeoutMs: memberTimeoutMs,
    })) as StatusAnswer;
  } catch (error) {
    const problem = error instanceof NotReachable || error instanceof Refused ? error.message : String(error);
    return { nodeId, operatorUrl, position, release, role: 'unknown', problem };
  }
}

const viewOf = ({ fault, nodeId, operatorUrl, position, problem, release, role, staleForMs }: Known, newest: number): NodeView => ({
  nodeId,
  operatorUrl,
  release,
  role,
  position,
  lag: newest - position,
  ...(staleForMs === undefined ? {} : { staleForMs }),
  ...(fault === undefined ? {} : { fault }),
  ...(problem === undefined ? {} : { problem }),
});

export function renderStatus(
  { askedNode, epoch, leaderId, nodes }: ClusterView,
  { env, out }: Pick<Terminal, 'env' | 'out'>,
): readonly string[] {
  const cells = nodes.map((node) => [
    node.nodeId,
    node.role === 'unknown' ? 'no answer' : node.role,
    grouped(node.position),
    node.role === 'unknown' ? '' : node.lag === 0 ? 'up to date' : `${grouped(node.lag)} behind`,
    node.operatorUrl,
    node.release,
    harmless(troubleOf(node)),
  ]);
  const [heading = '', ...rows] = aligned([['node', 'role', 'position', 'lag', 'address', 'release', ''], ...cells], [2]);
  const lines = rows.map((row, i) => {
    const node = nodes[i];
    if (node === undefined) return row;
    if (node.role === 'fault' || node.role === 'unknown') return styled(out, env, 'red', row);
    return node.staleForMs !== undefined ? styled(out, env, 'yellow', row) : row;
  });
  const lead = leaderId === undefined ? 'no node leads: writes are refused until one does' : `${leaderId} leads, epoch ${grouped(epoch)}`;
  return [
    styled(out, env, 'dim', heading),
    ...lines,
    styled(out, env, leaderId === undefined ? 'red' : 'dim', `${lead} · as seen by ${askedNode}`),
  ];
}

function troubleOf({ fault, problem, staleForMs }: NodeView): string {
  if (fault !== undefined) return `stopped serving: ${fault}`;
  if (problem !== undefined) return problem;
  return staleForMs === undefined ? '' : `stale: the log has been silent for ${renderSpan(staleForMs)}`;
}
