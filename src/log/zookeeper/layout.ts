import { z } from 'zod';
import { emptyHead } from '../condition.ts';
import { type Head, LogRefused } from '../port.ts';
import { ZooKeeperFailure } from './connection.ts';
import type { Operation, Session } from './session.ts';

/** What this release writes and reads. */
const formatNumber = 1;
/** Entries to a segment when the log is new: a list of its children stays small, and its version never comes near 2^31. */
export const defaultSegmentEntries = 1000;

const formatShape = z.object({ format: z.number().int(), segmentEntries: z.number().int().min(1).max(100_000).optional() });
const currentShape = z.object({ segment: z.number().int().min(0) });
const segmentShape = z.object({ index: z.number().int().min(1), position: z.number().int().min(1), hash: z.string(), sealed: z.boolean() });

/**
 * Where things are below the root. Names follow from the entry's index alone, so nobody needs to list anything:
 *
 *     format               {"format":1,"segmentEntries":1000}
 *     epoch                its version is the fencing epoch
 *     nodes/, election/    who is there, see membership.ts
 *     log/current          {"segment":n}, 0 when nothing was appended; its version says who may append, see append.ts
 *     log/<8 digits>       a segment; its version is the number of its entries, and one more once it is sealed; its data is the head
 *     log/<8 digits>/e<10 digits>   an entry
 *
 * Every znode whose version is ever checked begins at version 1, because node-zookeeper-client takes 0 for "any".
 */
export class Layout {
  readonly root: string;
  readonly segmentEntries: number;
  readonly format: string;
  readonly epoch: string;
  readonly nodes: string;
  readonly election: string;
  readonly current: string;

  constructor(root: string, segmentEntries: number) {
    this.root = root;
    this.segmentEntries = segmentEntries;
    this.format = `${root}/format`;
    this.epoch = `${root}/epoch`;
    this.nodes = `${root}/nodes`;
    this.election = `${root}/election`;
    this.current = `${root}/log/current`;
  }

  /** The number of the segment that holds an entry, from 1. */
  segmentOf(index: number): number {
    return Math.ceil(index / this.segmentEntries);
  }

  /** An entry's place in its segment, from 1: the segment's version once it is in. */
  placeOf(index: number): number {
    return ((index - 1) % this.segmentEntries) + 1;
  }

  segment(number: number): string {
    return `${this.root}/log/${String(number).padStart(8, '0')}`;
  }

  entry(index: number): string {
    return `${this.segment(this.segmentOf(index))}/e${String(index).padStart(10, '0')}`;
  }
}

export const currentText = (segment: number): string => JSON.stringify({ segment });
export const segmentText = (head: Head, sealed: boolean): string =>
  JSON.stringify({ index: head.index, position: head.position, hash: head.hash, sealed });

/** @throws LogRefused when a znode of the log does not hold what Chancery writes there */
function parsed<T>(shape: z.ZodType<T>, path: string, text: string): T {
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    throw new LogRefused(
      `the znode ${path} holds no such thing as Chancery writes there: ${JSON.stringify(text.slice(0, 60))}; restore it`,
    );
  }
}
export const parseCurrent = (path: string, text: string): { readonly segment: number } => parsed(currentShape, path, text);
export const parseSegment = (path: string, text: string): Head & { readonly sealed: boolean } => parsed(segmentShape, path, text);

/** The end of the log and what an append must be conditional on. */
export interface Sight {
  readonly head: Head;
  readonly epoch: number;
  readonly currentVersion: number;
}

/** Looks through the quorum: no older than anything acknowledged before the call. @throws ZooKeeperFailure, LogRefused */
export async function look(session: Session, layout: Layout): Promise<Sight> {
  const [, epoch, current] = await Promise.all([
    session.barrier(layout.format),
    session.getData(layout.epoch),
    session.getData(layout.current),
  ]);
  const { segment } = parseCurrent(layout.current, current.data);
  const at = { epoch: epoch.version, currentVersion: current.version };
  if (segment === 0) return { ...at, head: emptyHead };
  const path = layout.segment(segment);
  const { index, position, hash } = parseSegment(path, (await session.getData(path)).data);
  return { ...at, head: { index, position, hash } };
}

/** The outcome of a request whose `refused` codes may be expected ones. */
export async function unlessRefused<T>(request: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ZooKeeperFailure && error.outcome === 'refused' && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/**
 * Finds the layout, and makes it when there is none. Any number of nodes may do so at once.
 * @throws LogRefused when a newer release made it; ZooKeeperFailure
 */
export async function openLayout(
  session: Session,
  root: string,
  { segmentEntries = defaultSegmentEntries, readOnly = false }: { readonly segmentEntries?: number; readonly readOnly?: boolean } = {},
): Promise<Layout> {
  const wanted = new Layout(root, segmentEntries);
  if (readOnly) {
    if ((await unlessRefused(session.getData(wanted.format), 'NO_NODE')) === undefined)
      throw new LogRefused(`there is no log at ${root}: name the root of a log in --log zookeeper://servers/root`);
    return formatOf(session, wanted);
  }
  for (let end = root.indexOf('/', 1); end !== -1; end = root.indexOf('/', end + 1))
    await unlessRefused(session.create(root.slice(0, end), '', 'persistent'), 'NODE_EXISTS');
  await unlessRefused(session.create(root, '', 'persistent'), 'NODE_EXISTS');
  await session.barrier(root); // A lagging server may not show yet what another node has just made.
  if ((await unlessRefused(session.getData(wanted.format), 'NO_NODE')) === undefined)
    await unlessRefused(session.multi(birth(wanted)), 'NODE_EXISTS'); // Another node may be first.
  return formatOf(session, wanted);
}

/** The layout that the log there says it has. @throws LogRefused for one that this release cannot use */
async function formatOf(session: Session, wanted: Layout): Promise<Layout> {
  const { root } = wanted;
  const found = await unlessRefused(session.getData(wanted.format), 'NO_NODE');
  if (found === undefined) throw new LogRefused(`${root} holds something else than a log of Chancery's: name another root`);
  const { format, segmentEntries: entries } = parsed(formatShape, wanted.format, found.data);
  if (format > formatNumber)
    throw new LogRefused(
      `${wanted.format} says that the log has format ${format}, this release knows format ${formatNumber}: start a newer Chancery`,
    );
  if (format < 1 || entries === undefined) throw new LogRefused(`${wanted.format} names no format that ever was: restore it`);
  return new Layout(root, entries);
}

/** All of an empty log at once, so that nobody ever sees a half-made one. */
const birth = (layout: Layout): readonly Operation[] => [
  { kind: 'create', path: layout.format, data: JSON.stringify({ format: formatNumber, segmentEntries: layout.segmentEntries }) },
  { kind: 'create', path: layout.epoch, data: '' },
  { kind: 'setData', path: layout.epoch, data: '', version: 'any' },
  { kind: 'create', path: layout.nodes, data: '' },
  { kind: 'create', path: layout.election, data: '' },
  { kind: 'create', path: `${layout.root}/log`, data: '' },
  { kind: 'create', path: layout.current, data: currentText(0) },
  { kind: 'setData', path: layout.current, data: currentText(0), version: 'any' },
];
