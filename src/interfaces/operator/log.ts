import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Node } from '../../engine/node.ts';
import type { EventLog } from '../../log/port.ts';
import { refusals, stampProvenance } from './answers.ts';
import { wholeNumber } from './requests.ts';

export const logPageLimits = { entries: 1000, bytes: 8 * 1024 * 1024 } as const;
const entriesPerRead = 64;

const query = z.strictObject({
  after: wholeNumber.optional().describe('Index of the last entry that is there already; 0 or absent: from the beginning.'),
  limit: wholeNumber
    .refine((count) => count >= 1 && count <= logPageLimits.entries, `from 1 to ${logPageLimits.entries}`)
    .optional()
    .describe(`Entries in a page, default and at most ${logPageLimits.entries}; 8 MB end a page too.`),
});

/**
 * GET /v1/log: the log as it is stored, one entry a line, for exports and offline replay. Sealed texts are in it, sealed.
 * Headers: Chancery-Log-Next is `after` for the next page, Chancery-Log-Head the index of the newest entry; equal means the end.
 */
export const logRoutes: FastifyPluginAsyncZod<{ node: Node; log: Pick<EventLog, 'read' | 'head'> }> = async (http, { node, log }) => {
  const schema = {
    summary: 'The log, entry by entry, as it is stored',
    tags: ['history'],
    querystring: query,
    response: {
      200: {
        description: 'Entries as NDJSON. Chancery-Log-Next: `after` for the next page. Chancery-Log-Head: index of the newest entry.',
        content: { 'application/x-ndjson': { schema: z.string() } },
      },
      ...refusals,
    },
  };
  http.get('/v1/log', { schema }, async (request, reply) => {
    const after = request.query.after ?? 0;
    const head = await log.head();
    const texts = await readPage(log, after, Math.min(request.query.limit ?? logPageLimits.entries, head.index - after));
    stampProvenance(reply, node.provenance);
    return reply
      .header('chancery-log-next', after + texts.length)
      .header('chancery-log-head', head.index)
      .type('application/x-ndjson')
      .serializer((body: string) => body)
      .send(texts.map((text) => `${text}\n`).join(''));
  });
};

/** At least one entry when there is one; then as many as fit. */
async function readPage(log: Pick<EventLog, 'read'>, after: number, count: number): Promise<readonly string[]> {
  const texts: string[] = [];
  let bytes = 0;
  while (texts.length < count) {
    const more = await log.read(after + texts.length, Math.min(entriesPerRead, count - texts.length));
    for (const text of more) {
      bytes += Buffer.byteLength(text) + 1;
      if (bytes > logPageLimits.bytes && texts.length > 0) return texts;
      texts.push(text);
    }
    if (more.length === 0) return texts; // A copy of the log behind its head.
  }
  return texts;
}
