/** One message of a stream of server-sent events. `id` stays that of the message before when it brings none. */
export interface ServerSentEvent {
  readonly id: string;
  /** Empty for a heartbeat. */
  readonly data: string;
}

/** No event of the history is longer. */
const maxCharacters = 8 * 1024 * 1024;

/** Reads a stream of server-sent events as far as this program needs it. @throws Error when a message is over 8 MB */
export async function* serverSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > maxCharacters) throw new Error(`a message of over ${maxCharacters} characters`);
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data: string[] = [];
      for (const line of block.split(/\r?\n/)) {
        const [, field, value = ''] = /^(id|data)(?:: ?(.*))?$/.exec(line) ?? [];
        if (field === 'id') id = value;
        if (field === 'data') data.push(value);
      }
      yield { id, data: data.join('\n') };
    }
  }
}
