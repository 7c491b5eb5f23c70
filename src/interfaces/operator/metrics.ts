import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import type { Node, NodeObserver } from '../../engine/node.ts';
import type { EventLog } from '../../log/port.ts';
import type { Clock } from '../../ports/clock.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
import type { EventStreams } from './eventStreams.ts';
import { Latencies } from './latencies.ts';
import { watchRebalances } from './rebalanceMetrics.ts';
import { watchServers } from './serverMetrics.ts';
import { watchTiering } from './tieringMetrics.ts';

export interface Metrics {
  readonly registry: Registry;
  /** Appends of this node, while it leads. */
  readonly appends: Latencies;
  readonly observer: NodeObserver;
  requestStarted(): void;
  requestEnded(method: string, route: string, status: number, seconds: number): void;
}

export interface MetricsParts {
  readonly node: Node;
  readonly log: Pick<EventLog, 'silentForMs'>;
  readonly streams: EventStreams;
  readonly clock: Pick<Clock, 'now'>;
  readonly tls?: NodeTls;
}

/** Everything measured about one node, in a registry of its own. */
export function createMetrics(parts: MetricsParts): Metrics {
  const { clock, node, tls } = parts;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  watchNode(registry, parts);
  watchServers(registry, () => node.state);
  watchRebalances(registry, node);
  watchTiering(registry, { state: () => node.state, now: () => clock.now() + node.logAheadMs });
  if (tls?.isShown === true) watchCertificate(registry, tls);
  const appends = new Latencies();
  const registers = [registry];
  const append = new Histogram({
    name: 'chancery_append_seconds',
    help: 'From sending an entry to the log to its acknowledgement.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    registers,
  });
  const events = new Histogram({
    name: 'chancery_batch_events',
    help: 'Events in an appended entry.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
    registers,
  });
  const bytes = new Histogram({
    name: 'chancery_batch_bytes',
    help: 'Bytes of an appended entry.',
    buckets: [512, 1024, 4096, 16_384, 65_536, 131_072, 262_144],
    registers,
  });
  const leads = new Counter({ name: 'chancery_leads_total', help: 'How often this process took the lead.', registers });
  const requests = new Histogram({
    name: 'chancery_http_request_seconds',
    help: 'Requests to the operator interface.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const pending = new Gauge({ name: 'chancery_http_requests_pending', help: 'Requests to the operator interface under way.', registers });
  const observer: NodeObserver = {
    appended: (count, size, ms) => {
      appends.add(ms);
      append.observe(ms / 1000);
      events.observe(count);
      bytes.observe(size);
    },
    tookLead: () => leads.inc(),
  };
  return {
    registry,
    appends,
    observer,
    requestStarted: () => pending.inc(),
    requestEnded: (method, route, status, seconds) => {
      pending.dec();
      requests.observe({ method, route, status: String(status) }, seconds);
    },
  };
}

/** What can be read off the node whenever somebody asks. */
function watchNode(registry: Registry, { log, node, streams }: MetricsParts): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `chancery_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `chancery_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  new Counter({
    name: 'chancery_denials_total',
    help: 'What somebody may not do and was denied, by interface.',
    labelNames: ['interface'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [through, count] of node.denials.counts) this.inc({ interface: through }, count);
    },
  });
  gauge('position', 'Position of the newest event folded.', () => node.state.position);
  gauge('entry_index', 'Index of the newest entry folded.', () => node.state.index);
  gauge('epoch', 'Epoch of the newest entry folded.', () => node.state.epoch);
  gauge('lag_positions', 'Positions behind the newest one that any member has published.', () => {
    const { members, position } = node.status();
    return Math.max(0, ...members.map((member) => member.position - position));
  });
  gauge('queued_requests', 'Requests that wait to be decided or to be sent to the leader.', () => node.status().queued);
  gauge('is_leader', '1 while this node leads.', () => (node.role === 'leader' ? 1 : 0));
  gauge('has_fault', '1 when this node stopped serving.', () => (node.role === 'fault' ? 1 : 0));
  gauge('members', 'Nodes that are there.', () => node.status().members.length);
  gauge('log_silence_seconds', 'Since the log last answered.', () => log.silentForMs() / 1000);
  gauge(
    'log_ahead_seconds',
    'By how much the log is ahead of the clock of this node: its time on the leader, else the date of the newest entry; 0 when it is not.',
    () => node.logAheadMs / 1000,
  );
  gauge('event_streams', 'Readers that follow the history.', () => streams.count);
  counter('leader_changes_total', 'How often the lead was taken since the log began, by any node.', () => node.state.leadership.taken);
  counter('folded_events_total', 'Events folded from the log by this process.', () => node.replica.effort.events);
  counter('fold_seconds_total', 'Time spent on folding them.', () => node.replica.effort.ms / 1000);
}

function watchCertificate(registry: Registry, tls: NodeTls): void {
  new Gauge({
    name: 'chancery_tls_certificate_expires_seconds',
    help: 'Until the certificate of this node ends; negative when it has.',
    registers: [registry],
    collect() {
      this.set(tls.secondsLeft ?? 0);
    },
  });
}

/** GET /metrics in Prometheus' text form. */
export const metricsRoutes: FastifyPluginAsyncZod<{ metrics: Metrics }> = async (http, { metrics: { registry } }) => {
  const schema = {
    summary: 'What is measured, for Prometheus',
    tags: ['operations'],
    response: { 200: { description: 'Prometheus text format.', content: { 'text/plain': { schema: z.string() } } } },
  };
  http.get('/metrics', { schema }, async (_request, reply) =>
    reply
      .type(registry.contentType)
      .serializer((body: string) => body)
      .send(await registry.metrics()),
  );
};
