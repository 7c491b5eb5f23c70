/** What the tests of TLS share: certificates that a node has open, and a client that shows what it wants. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { TlsSettings } from '../../src/interfaces/tls/material.ts';
import { NodeTls, type TlsParts } from '../../src/interfaces/tls/nodeTls.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Logger } from '../../src/ports/logger.ts';
import type { Pair } from './certificates.ts';

/** A logger that keeps what it is told, as `warn: ...`. */
export class Notes implements Logger {
  readonly lines: string[] = [];
  readonly fields: object[] = [];
  debug = (): void => {};
  info = (fields: object, text: string): void => this.#keep('info', fields, text);
  warn = (fields: object, text: string): void => this.#keep('warn', fields, text);
  error = (fields: object, text: string): void => this.#keep('error', fields, text);
  #keep(level: string, fields: object, text: string): void {
    this.lines.push(`${level}: ${text}`);
    this.fields.push(fields);
  }
  about(part: string): readonly string[] {
    return this.lines.filter((line) => line.includes(part));
  }
}

/** Opens what a node has; closed with the test. @throws Error with what is wrong */
export async function openTls(settings: Partial<TlsSettings>, parts: Partial<TlsParts> = {}): Promise<NodeTls> {
  const given = { settings: { clientCerts: 'none', ...settings } as const, advertise: 'https://localhost:1', clock: systemClock };
  const opened = await NodeTls.open({ logger: new Notes(), ...given, ...parts });
  if (opened.kind === 'wrong') throw new Error(opened.problems.map(({ what }) => what).join('\n'));
  onTestFinished(() => opened.tls.close());
  return opened.tls;
}

export interface Told {
  readonly status: number;
  readonly text: string;
  /** The common name that the server showed. */
  readonly server: string;
  readonly socket: TLSSocket;
}
export interface Caller {
  /** Whom it believes. */
  readonly ca: string;
  /** What it shows. */
  readonly shown?: Pair;
  /** To ask again on the same connection. */
  readonly agent?: Agent;
}

/** An agent that keeps its one connection; closed with the test. */
export function oneConnection(caller: Caller): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...optionsOf(caller) });
  onTestFinished(() => agent.destroy());
  return agent;
}

const optionsOf = ({ ca, shown }: Caller) => ({
  ca: readFileSync(ca),
  ...(shown === undefined ? {} : { cert: readFileSync(shown.cert), key: readFileSync(shown.key) }),
});

/** GET over TLS. @throws the error of the connection */
export function get(url: string, caller: Caller): Promise<Told> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { ...(caller.agent === undefined ? optionsOf(caller) : {}), agent: caller.agent ?? false },
      (incoming) => {
        const socket = incoming.socket as TLSSocket;
        const server = socket.getPeerX509Certificate()?.subject ?? '';
        let text = '';
        incoming.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text, server, socket }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}
