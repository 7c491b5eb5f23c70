import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { catalogue } from '../../../events/index.ts';
import type { Authenticator } from '../../authentication/authenticator.ts';
import type { EventQuery, History } from '../../engine/history/port.ts';
import type { Node } from '../../engine/node.ts';
import { nearest } from '../sql/spelling.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { stillDenied } from './authorization.ts';
import type { EventStreams } from './eventStreams.ts';
import { malformed, Refused } from './problems.ts';
import { readQuery, readState, tablesOf, time, wholeNumber } from './requests.ts';

export const pageLimits = { events: 1000, defaultEvents: 100 } as const;

const types = z
  .union([z.string(), z.array(z.string()).max(50)])
  .transform((given) => (typeof given === 'string' ? [given] : given))
  .superRefine((names, context) => {
    for (const name of names)
      if (!catalogue.has(name))
        context.addIssue({
          code: 'custom',
          message: `there is no event type '${name.slice(0, 100)}'; ${meantBy(name)}docs/events.md lists them all`,
        });
  });

/** The words about the type that was most likely meant. */
function meantBy(name: string): string {
  const meant = nearest(name, [...catalogue.keys()]);
  return meant === undefined ? '' : `did you mean ${meant}? `;
}

const query = z.strictObject({
  from: wholeNumber.optional().describe('First position, inclusive.'),
  to: wholeNumber.optional().describe('Last position, inclusive.'),
  since: time.optional().describe('Earliest time, inclusive.'),
  until: time.optional().describe('Latest time, inclusive.'),
  type: types.optional().describe('Event type; may be repeated.'),
  subject: z.string().min(1).max(512).optional().describe('`config/datalake.format`, or a family with a star: `config/*`.'),
  principal: z.string().min(1).max(256).optional().describe('Who did it: `User:alice`.'),
  order: z.enum(['ascending', 'descending']).optional().describe('Default descending: the newest first.'),
  limit: wholeNumber
    .refine((count) => count >= 1 && count <= pageLimits.events, `from 1 to ${pageLimits.events}`)
    .optional()
    .describe(`Events in a page, default ${pageLimits.defaultEvents}, at most ${pageLimits.events}.`),
  ...readQuery,
});
type Query = z.infer<typeof query>;

const eventJson = z.strictObject({
  position: z.number().int(),
  at: z.number().int().describe('Epoch milliseconds.'),
  epoch: z.number().int(),
  id: z.string(),
  type: z.string(),
  version: z.number().int(),
  subjects: z.array(z.string()),
  data: z.unknown().describe('As docs/events.md says for the type; secrets are the word `sealed`.'),
  act: z.unknown().describe('Who did it, through what, and why.'),
  words: z.string().describe("What happened, in the operator's words."),
});
const pageJson = z
  .strictObject({
    events: z.array(eventJson),
    next: z
      .string()
      .optional()
      .describe(
        'Address of the next page, also in the Link header; absent when there is none yet. A page before it may have few events, or none.',
      ),
    provenance: provenanceJson,
  })
  .describe('A page of the history. With Accept: text/event-stream, the same events as a stream that goes on.');

/** What a query filters by, without its range. */
const filterOf = ({ since, until, type, subject, principal }: Query): Omit<EventQuery, 'limit'> => ({
  ...(since === undefined ? {} : { since }),
  ...(until === undefined ? {} : { until }),
  ...(type === undefined ? {} : { types: type }),
  ...(subject === undefined ? {} : { subject }),
  ...(principal === undefined ? {} : { principal }),
});

/** The address of the page after this one: the same question, one bound moved. */
function nextAddress(asked: string, bound: 'from' | 'to', position: number): string {
  const parameters = new URLSearchParams(asked.split('?')[1] ?? '');
  parameters.set(bound, String(position));
  parameters.delete('atLeast');
  parameters.delete('consistency');
  return `/v1/events?${parameters.toString()}`;
}

export interface EventParts {
  readonly authenticator: Pick<Authenticator, 'standing'>;
  readonly node: Node;
  readonly history: History;
  readonly streams: EventStreams;
}

/**
 * GET /v1/events: pages of the history, or with Accept: text/event-stream the events as they come. `id` of a streamed event is its
 * position; Last-Event-ID, or else `from`, says where to go on; without either the stream begins with the next event.
 */
export const eventRoutes: FastifyPluginAsyncZod<EventParts> = async (http, { authenticator, node, history, streams }) => {
  const headers = z.looseObject({
    'last-event-id': wholeNumber.optional().describe('Streams only: the position of the last event that was seen.'),
  });
  const schema = {
    summary: 'The history: pages, or a stream that follows it',
    tags: ['history'],
    querystring: query,
    headers,
    response: { 200: pageJson, ...refusals },
  };
  http.get('/v1/events', { schema }, async (request, reply) => {
    const asked = request.query;
    if (request.method === 'GET' && /\btext\/event-stream\b/.test(request.headers.accept ?? '')) {
      checkEndless(asked);
      const after = request.headers['last-event-id'] ?? (asked.from === undefined ? undefined : Math.max(0, asked.from - 1));
      const { provenance } = await readState(node, { ...asked, atLeast: Math.max(asked.atLeast ?? 0, after ?? 0) });
      streams.open(reply, {
        caller: request.identity.principal,
        filter: filterOf(asked),
        after: after ?? provenance.position,
        denied: stillDenied(node, authenticator, request),
      });
      return reply;
    }
    const { provenance } = tablesOf(request);
    const order = asked.order ?? 'descending';
    const wanted = {
      ...filterOf(asked),
      ...(asked.from === undefined ? {} : { fromPosition: asked.from }),
      toPosition: Math.min(asked.to ?? provenance.position, provenance.position), // The page is of the moment that the headers name.
      order,
      limit: asked.limit ?? pageLimits.defaultEvents,
    };
    const page = await history.events(wanted, request.identity.principal);
    stampProvenance(reply, provenance);
    if (page.next === undefined) return reply.send({ events: page.events.map(mutable), provenance });
    const next = nextAddress(request.url, order === 'ascending' ? 'from' : 'to', page.next);
    return reply.header('link', `<${next}>; rel="next"`).send({ events: page.events.map(mutable), next, provenance });
  });
};

const mutable = <T extends { readonly subjects: readonly string[] }>(event: T) => ({ ...event, subjects: [...event.subjects] });

/** A stream goes forward and has no end: what would give it one is a mistake. */
function checkEndless(asked: Query): void {
  const wrong = (['to', 'until', 'limit'] as const).find((name) => asked[name] !== undefined);
  if (wrong !== undefined) throw new Refused(malformed(wrong, 'a stream of events has no end: leave this out, or ask for pages'));
  if (asked.order === 'descending') throw new Refused(malformed('order', 'a stream of events goes forward'));
}
