/**
 * The figures of the design, as ratios of one run on this machine: `npm run bench`. One real ZooKeeper node is started for it.
 * `npm run bench -- replay` runs only what the word names: appends, lag, replay, fold, authorizer, planner, tieringQueries,
 * metaservice, tiering.
 */
import { startZooKeeper } from '../test/support/zookeeper.ts';
import { appendFigures, followerLagFigure } from './appends.ts';
import { authorizerFigure } from './authorizer.ts';
import type { Figure } from './figures.ts';
import { metaServiceFigures } from './metaservice.ts';
import { plannerFigures } from './planner.ts';
import { foldRateFigure, replayFigure } from './replay.ts';
import { tieringFigures } from './tiering.ts';
import { tieringQueryFigures } from './tieringQueries.ts';

const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);

function print({ what, ratio, floor, isMet, behind }: Figure): void {
  console.log(`${isMet ? 'met   ' : 'MISSED'}  ${what}\n        ${ratio} (floor ${floor})\n        ${behind}`);
}

if (isWanted('replay')) print(replayFigure(1_000_000));
if (isWanted('fold')) print(foldRateFigure());
if (isWanted('authorizer')) print(authorizerFigure());
if (isWanted('planner')) for (const figure of plannerFigures()) print(figure);
if (isWanted('tieringQueries')) for await (const figure of tieringQueryFigures(300_000)) print(figure);
if (['appends', 'lag', 'metaservice', 'tiering'].some(isWanted)) {
  const zookeeper = await startZooKeeper(1, { heapMb: 4096 }); // All logs of a run stay in it.
  try {
    if (isWanted('appends')) for (const figure of await appendFigures(zookeeper.connect)) print(figure);
    if (isWanted('lag')) print(await followerLagFigure(zookeeper.connect));
    if (isWanted('metaservice')) for await (const figure of metaServiceFigures(zookeeper.connect)) print(figure);
    if (isWanted('tiering')) for await (const figure of tieringFigures(zookeeper.connect)) print(figure);
  } finally {
    await zookeeper.stop();
  }
}
