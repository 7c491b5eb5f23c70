/** Tags of tablet servers as Fluss's manual has them: what the arguments mean and every text are in fluss-semantics 1.4 and 4. */
import type { ChanceryEvent } from '../../../events/index.ts';
import { type ServerTag, serverTags } from '../../../events/serverTags.ts';
import type { Rejection } from '../../rejection.ts';
import type { Arguments, ArgumentValue, Parameter } from './arguments.ts';
import type { ArgumentFault, Preview, Procedure } from './procedure.ts';
import { refusal } from './refusals.ts';

const columns = [{ name: 'result', type: 'STRING' }] as const;
const parameters: readonly Parameter[] = [
  { name: 'tabletServers', isList: false, isOptional: false, about: 'Ids of tablet servers, with commas between.' },
  { name: 'serverTag', isList: false, isOptional: false, about: `${serverTags.join(' or ')}.` },
];
const serversMost = 1_000;
const highestId = 2 ** 31 - 1;

/** Fluss's own words, to the letter, semicolons included; that of Java names the class that the word is none of. */
const words = {
  noServers:
    'tabletServers cannot be null or empty. You can specify one tabletServer as 1 or specify multi tabletServers as 1;2 ' +
    "(split by ';')",
  noTag:
    'serverTag cannot be null or empty. Please specify a valid serverTag. serverTag is one of [PERMANENT_OFFLINE, ' + 'TEMPORARY_OFFLINE]',
  noSuchTag: (text: string) => `No enum constant org.apache.fluss.cluster.rebalance.ServerTag.${text}`,
} as const;

type Read =
  | { readonly kind: 'read'; readonly serverIds: number[]; readonly tag: ServerTag }
  | { readonly kind: 'refused'; readonly fault: ArgumentFault };

const given = (values: Arguments, name: string): ArgumentValue | undefined => values.get(name)?.[0];

/** In the order in which Fluss looks: something in both, numbers between the commas, a tag that there is. Pieces are trimmed. */
function read(values: Arguments): Read {
  const refused = (name: string, detail: string): Read => {
    const value = given(values, name);
    const reason = refusal('INVALID_ARGUMENT', name, detail, value?.span.start);
    return { kind: 'refused', fault: { reason, ...(value === undefined ? {} : { offset: value.span.start }) } };
  };
  const textOf = (name: string): string => given(values, name)?.text?.trim() ?? '';
  if (textOf('tabletServers') === '') return refused('tabletServers', words.noServers);
  if (textOf('serverTag') === '') return refused('serverTag', words.noTag);
  const pieces = textOf('tabletServers')
    .split(',')
    .map((piece) => piece.trim());
  if (pieces.length > serversMost)
    return refused('tabletServers', `${pieces.length} servers are given; at most ${serversMost} in one call`);
  const wrong = pieces.find((piece) => !/^\d{1,10}$/.test(piece) || Number(piece) > highestId);
  if (wrong !== undefined)
    return refused('tabletServers', `'${wrong.slice(0, 100)}' is no id of a tablet server: give whole numbers from 0, such as 0,1,2`);
  const word = textOf('serverTag').toUpperCase();
  const tag = serverTags.find((each) => each === word);
  return tag === undefined
    ? refused('serverTag', words.noSuchTag(word.slice(0, 100)))
    : { kind: 'read', serverIds: pieces.map(Number), tag };
}

/** Server by server which tag it has and would have. */
const preview = (events: readonly ChanceryEvent[]): Preview => ({
  columns: [
    { name: 'server_id', type: 'STRING' },
    { name: 'before', type: 'STRING' },
    { name: 'after', type: 'STRING' },
  ],
  rows: events.flatMap((event) => {
    if (event.type !== 'ServerTagAdded' && event.type !== 'ServerTagRemoved') return [];
    const { serverIds, tag } = event.data;
    const [before, after] = event.type === 'ServerTagAdded' ? [null, tag] : [tag, null];
    return serverIds.map((id) => [String(id), before, after]);
  }),
});

function tagProcedure(name: string, command: 'addServerTag' | 'removeServerTag', about: string): Procedure {
  return {
    name,
    about,
    parameters,
    columns,
    act: (values) => {
      const wanted = read(values);
      if (wanted.kind === 'refused') return wanted;
      const { serverIds, tag } = wanted;
      const refused = (reason: Rejection): ArgumentFault => {
        if (!reason.field.startsWith('serverIds')) return { reason };
        const value = given(values, 'tabletServers');
        return { reason: { ...reason, field: 'tabletServers' }, ...(value === undefined ? {} : { offset: value.span.start }) };
      };
      return { kind: 'write', command: { name: command, serverIds, tag }, rows: () => [['success']], preview, refused };
    },
  };
}

/** In the order in which SHOW PROCEDURES lists them. */
export const serverProcedures: readonly Procedure[] = [
  tagProcedure('add_server_tag', 'addServerTag', 'Tags tablet servers, all or nothing: the next rebalance empties them.'),
  tagProcedure('remove_server_tag', 'removeServerTag', 'Takes a tag off tablet servers, all or nothing.'),
];
