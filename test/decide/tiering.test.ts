/**
 * Goal: tiering is decided as Fluss decides it, in its order and words: what services report, which table they are handed, when one is
 * due, what becomes of a round that nobody hears of, and of tables that come, go and change meanwhile.
 * Method: given events, when a command, then exactly these events and this answer; every command in every state that a table rests in.
 */
import { describe, expect, test } from 'vitest';
import { clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken } from '../../events/leadership.ts';
import { tieringLimits } from '../../events/tiering.ts';
import { type Command, parseCommand } from '../../src/deciders/commands.ts';
import { errorTextOf, type TieringAnswer, tieringBatches } from '../../src/deciders/tiering.ts';
import { type RejectionCode, rejections } from '../../src/rejection.ts';
import { shop } from '../support/catalogSamples.ts';
import { given } from '../support/given.ts';
import {
  added,
  at,
  begun,
  created,
  due,
  failed,
  finished,
  type Heartbeat,
  heartbeat,
  inState,
  named,
  removed,
  tablesIn,
} from '../support/lakeTables.ts';

/** An answer to a heartbeat of a cluster in its first epoch. */
const answer = (more: Partial<TieringAnswer> = {}): TieringAnswer => ({
  coordinatorEpoch: 1,
  failed: [],
  tiering: [],
  finished: [],
  ...more,
});
const handed = (tableId: number, tieringEpoch: number) => ({ table: { ...named(tableId), tieringEpoch, timeoutMs: 120_000 } });
const refusal = (tableId: number, code: RejectionCode, detail: string) => ({
  tableId,
  refusal: { code, detail, remedy: rejections[code].remedy },
});

/** A service says something on a day after these events; it is answered so, and exactly this happens. */
function heard(events: readonly ChanceryEvent[], said: Partial<Heartbeat>, now = at(events.length)) {
  const { decision } = given(...events).when(heartbeat(said), { now });
  return {
    gives: (more: Partial<TieringAnswer>, ...then: readonly ChanceryEvent[]) =>
      expect(decision).toEqual({ kind: 'accepted', events: then, answer: answer(more) }),
  };
}

describe('tieringHeartbeat', () => {
  const tiering = tablesIn('Tiering', 7);
  const began = at(tiering.length - 1);

  test('says nothing: nothing happens', () => {
    heard([shop], {}).gives({});
    heard(tiering, {}).gives({});
  });

  test('a round failed', () => {
    heard(tiering, { failed: [{ tableId: 7, tieringEpoch: 1, coordinatorEpoch: 1, error: 'No space left' }] }, began + 250).gives(
      { failed: [{ tableId: 7 }] },
      failed(7, 1, { durationMs: 250, error: 'No space left' }),
    );
  });
  test.each([
    ['without a text', {}],
    ['with an empty text', { error: '' }],
  ])('a round failed, %s: it counts', (_, text) => {
    heard(tiering, { failed: [{ tableId: 7, tieringEpoch: 1, ...text }] }).gives({ failed: [{ tableId: 7 }] }, failed(7, 1));
  });
  test('failures in a row are counted, until one goes well', () => {
    const again = [...tiering, failed(7, 1), begun(7, 2), failed(7, 2, { failuresInRow: 2 }), begun(7, 3)];
    const fails = (tieringEpoch: number) => ({ failed: [{ tableId: 7, tieringEpoch }] });
    heard(again, fails(3)).gives({ failed: [{ tableId: 7 }] }, failed(7, 3, { failuresInRow: 3 }));
    heard([...again, finished(7, 3), due(7, 4), begun(7, 4)], fails(4)).gives({ failed: [{ tableId: 7 }] }, failed(7, 4));
  });

  test('a round goes on: nothing is written', () => {
    heard(tiering, { tiering: [{ tableId: 7, tieringEpoch: 1, coordinatorEpoch: 1 }] }).gives({ tiering: [{ tableId: 7 }] });
  });

  test.each([
    ['nothing more', {}],
    ['the bytes', { fileBytes: 4096 }],
    ['the records', { records: 0 }],
    ['both', { fileBytes: Number.MAX_SAFE_INTEGER, records: 12 }],
  ])('a round went well, and %s', (_, said) => {
    heard(tiering, { finished: [{ tableId: 7, tieringEpoch: 1, coordinatorEpoch: 1, ...said }] }, began + 90_000).gives(
      { finished: [{ tableId: 7 }] },
      finished(7, 1, { durationMs: 90_000, ...said }),
    );
  });

  test('a round was cut short, whatever else is on that list', () => {
    heard(tiering, { finished: [{ tableId: 7, tieringEpoch: 1, records: 3 }], forced: [8, 7, 7] }).gives(
      { finished: [{ tableId: 7 }] },
      finished(7, 1, { isForced: true, records: 3 }),
    );
    heard(tiering, { tiering: [{ tableId: 7, tieringEpoch: 1 }], forced: [7] }).gives({ tiering: [{ tableId: 7 }] });
  });

  test('a clock that stood still: the round took no time', () => {
    heard(tiering, { finished: [{ tableId: 7, tieringEpoch: 1 }] }, began).gives(
      { finished: [{ tableId: 7 }] },
      finished(7, 1, { durationMs: 0 }),
    );
  });

  test('the round is written down as that of the service which it was handed to', () => {
    heard(tiering, { service: 's2', failed: [{ tableId: 7, tieringEpoch: 1 }] }).gives({ failed: [{ tableId: 7 }] }, failed(7, 1));
    heard(tiering, { service: 's2', finished: [{ tableId: 7, tieringEpoch: 1 }] }).gives({ finished: [{ tableId: 7 }] }, finished(7, 1));
  });

  describe('is told, in words of Fluss, what does not count:', () => {
    const lists = ['failed', 'tiering', 'finished'] as const;
    const inEpoch = (...events: readonly ChanceryEvent[]) => [...events, leadershipTaken({ nodeId: 'n2', epoch: 9, staticConfigs: {} })];
    const unknown = "The table 8 doesn't exist.";
    const oldRound = 'The tiering epoch 1 is not match current epoch 2 in coordinator for table 7.';
    const newRound = 'The tiering epoch 3 is not match current epoch 2 in coordinator for table 7.';
    const leader = 'The coordinator epoch 8 in request is not match current coordinator epoch 9 for table';
    const right = { tableId: 7, tieringEpoch: 2, coordinatorEpoch: 9 };
    test.each<[what: string, report: Heartbeat['failed'][number], code: RejectionCode, detail: string]>([
      ['an older leader', { ...right, coordinatorEpoch: 8 }, 'FENCED_COORDINATOR_EPOCH', `${leader} 7.`],
      ['a leader to come', { ...right, coordinatorEpoch: 10 }, 'FENCED_COORDINATOR_EPOCH', `${leader.replace('8', '10')} 7.`],
      ['a table that is none', { ...right, tableId: 8 }, 'UNKNOWN_TABLE', unknown],
      ['an older round', { ...right, tieringEpoch: 1 }, 'FENCED_TIERING_EPOCH', oldRound],
      ['a round to come', { ...right, tieringEpoch: 3 }, 'FENCED_TIERING_EPOCH', newRound],
      // Several faults: the leader first, then the table, then the round.
      ['all wrong', { tableId: 8, tieringEpoch: 1, coordinatorEpoch: 8 }, 'FENCED_COORDINATOR_EPOCH', `${leader} 8.`],
      ['a wrong round of an older leader', { ...right, tieringEpoch: 1, coordinatorEpoch: 8 }, 'FENCED_COORDINATOR_EPOCH', `${leader} 7.`],
      ['a wrong round of no table', { tableId: 8, tieringEpoch: 1 }, 'UNKNOWN_TABLE', unknown],
      ['an older round, of no leader', { tableId: 7, tieringEpoch: 1 }, 'FENCED_TIERING_EPOCH', oldRound],
    ])('%s', (_, report, code, detail) => {
      const story = inEpoch(shop, created(7), ...inState('Tiering', 7, 1));
      for (const list of lists)
        heard(story, { [list]: [report] }).gives({ coordinatorEpoch: 9, [list]: [refusal(report.tableId, code, detail)] });
    });
    test.each(['Scheduled', 'Pending'] as const)('that a table which is %s goes on; after its epoch', (state) => {
      const story = inEpoch(shop, created(7), ...inState(state, 7, state === 'Scheduled' ? 2 : 1));
      const detail = `The table 7 to renew tiering heartbeat must in Tiering state, but in ${state} state.`;
      heard(story, { tiering: [right] }).gives({ coordinatorEpoch: 9, tiering: [refusal(7, 'TABLE_NOT_TIERING', detail)] });
      heard(story, { tiering: [{ ...right, tieringEpoch: 1 }] }).gives({
        coordinatorEpoch: 9,
        tiering: [refusal(7, 'FENCED_TIERING_EPOCH', oldRound)],
      });
    });
    test('but a table in the catalog that is not tiered is as unknown as one that is not there', () => {
      heard([shop, created(8, undefined, 'false')], { finished: [{ tableId: 8, tieringEpoch: 0 }] }).gives({
        finished: [refusal(8, 'UNKNOWN_TABLE', unknown)],
      });
    });
  });

  test('a round that is over, though its epoch is the newest: accepted, and nothing happens', () => {
    const over = { tableId: 7, tieringEpoch: 1 };
    const told = { failed: [over], finished: [over], forced: [7] };
    const answers = { failed: [{ tableId: 7 }], finished: [{ tableId: 7 }] };
    heard([...tiering, finished(7, 1)], told).gives(answers);
    // Nor for one that is queued, and was handed to nobody yet.
    heard(tablesIn('Pending', 7), told).gives(answers);
  });

  test('each report has its own answer, in the order given; none stops another', () => {
    const story = tablesIn('Tiering', 1, 2, 3, 4);
    const began3 = at(story.length - 4);
    const gone = (tableId: number) => refusal(tableId, 'UNKNOWN_TABLE', `The table ${tableId} doesn't exist.`);
    const round = (tableId: number) => ({ tableId, tieringEpoch: 1 });
    heard(story, {
      failed: [round(50), round(2), round(51), round(1)],
      tiering: [round(52), round(4)],
      finished: [round(53), round(3)],
    }).gives(
      {
        failed: [gone(50), { tableId: 2 }, gone(51), { tableId: 1 }],
        tiering: [gone(52), { tableId: 4 }],
        finished: [gone(53), { tableId: 3 }],
      },
      failed(2, 1, { durationMs: 7000 }),
      failed(1, 1, { durationMs: 10_000 }),
      finished(3, 1, { durationMs: at(story.length) - began3 }),
    );
  });

  test('what failed is looked at before what goes on, and that before what is finished', () => {
    const round = { tableId: 7, tieringEpoch: 1 };
    const fenced = refusal(7, 'FENCED_TIERING_EPOCH', 'The tiering epoch 1 is not match current epoch 2 in coordinator for table 7.');
    heard(tiering, { failed: [round], tiering: [round], finished: [round] }).gives(
      { failed: [{ tableId: 7 }], tiering: [fenced], finished: [fenced] },
      failed(7, 1),
    );
    heard(tiering, { tiering: [round], finished: [round] }).gives(
      { tiering: [{ tableId: 7 }], finished: [{ tableId: 7 }] },
      finished(7, 1),
    );
  });

  test('said twice in one heartbeat it happens once', () => {
    const round = { tableId: 7, tieringEpoch: 1 };
    const fenced = refusal(7, 'FENCED_TIERING_EPOCH', 'The tiering epoch 1 is not match current epoch 2 in coordinator for table 7.');
    heard(tiering, { failed: [round, round] }).gives({ failed: [{ tableId: 7 }, fenced] }, failed(7, 1));
    heard(tiering, { finished: [round, round] }).gives({ finished: [{ tableId: 7 }, { tableId: 7 }] }, finished(7, 1));
    heard(tiering, { finished: [round, round], forced: [7] }).gives(
      { finished: [{ tableId: 7 }, fenced] },
      finished(7, 1, { isForced: true }),
    );
  });
});

describe('handing out', () => {
  test('nothing is due: no table, however long a timer has run off', () => {
    heard([shop], { wantsTable: true }).gives({});
    heard(tablesIn('Scheduled', 7), { wantsTable: true }, at(1_000_000)).gives({});
  });
  test('nobody asks: none is handed out', () => heard(tablesIn('Pending', 7), {}).gives({}));
  test('the first that was queued, whatever its id; one at a time', () => {
    const story = [shop, created(1), created(2), created(3), added(1), added(2), added(3), due(3, 1), due(1, 1), due(2, 1)];
    heard(story, { wantsTable: true }).gives(handed(3, 1), begun(3, 1));
    heard([...story, begun(3, 1, { service: 's2' })], { wantsTable: true }).gives(handed(1, 1), begun(1, 1));
    const last = [...story, begun(3, 1, { service: 's2' }), begun(1, 1, { service: 's3' })];
    heard(last, { service: 'tiering.job-1_a', wantsTable: true }).gives(handed(2, 1), begun(2, 1, { service: 'tiering.job-1_a' }));
    heard([...last, begun(2, 1, { service: 's4' })], { wantsTable: true }).gives({});
  });
  test('what was dropped or switched off while it waited is passed over', () => {
    const story = tablesIn('Pending', 1, 2, 3);
    const without = given(...story).when({ name: 'dropTable', database: 'shop', table: 't1', ignoreIfNotExists: false }).decision;
    const dropped1 = without.kind === 'accepted' ? without.events : [];
    expect(dropped1.map(({ type }) => type)).toEqual(['TableDropped']);
    heard([...story, ...dropped1, removed(2)], { wantsTable: true }).gives(handed(3, 1), begun(3, 1));
  });
  test('a table that was switched off while it waited, and on again, goes to the end of the queue with the next epoch', () => {
    const story = [...tablesIn('Pending', 1, 2), removed(1), added(1, { tieringEpoch: 1 }), due(1, 2)];
    heard(story, { wantsTable: true }).gives(handed(2, 1), begun(2, 1));
    heard([...story, begun(2, 1, { service: 's2' })], { wantsTable: true }).gives(handed(1, 2), begun(1, 2));
  });
  test('the time-out is that of the config', () => {
    const key = 'chancery.tiering.round-timeout';
    const change = clusterConfigsChanged({ changes: [{ key, previous: { kind: 'unset' }, value: { kind: 'text', text: '1500 ms' } }] });
    heard([...tablesIn('Pending', 7), change], { wantsTable: true }).gives(
      { table: { ...handed(7, 1).table, timeoutMs: 1500 } },
      begun(7, 1, { timeoutMs: 1500 }),
    );
  });

  const round = (tableId: number) => ({ tableId, tieringEpoch: 1 });
  test('what this heartbeat reports as failed may come back at once, with the next epoch', () => {
    heard(tablesIn('Tiering', 7), { failed: [round(7)], wantsTable: true }).gives(
      { failed: [{ tableId: 7 }], ...handed(7, 2) },
      failed(7, 1),
      begun(7, 2),
    );
  });
  test('and so may what it cut short', () => {
    heard(tablesIn('Tiering', 7), { finished: [round(7)], forced: [7], wantsTable: true }).gives(
      { finished: [{ tableId: 7 }], ...handed(7, 2) },
      finished(7, 1, { isForced: true }),
      begun(7, 2),
    );
  });
  test('of several, the one that this heartbeat queued first', () => {
    const both = { failed: [{ tableId: 9, tieringEpoch: 1 }, round(2)], finished: [round(1)], forced: [1], wantsTable: true };
    const answers = { failed: [{ tableId: 9 }, { tableId: 2 }], finished: [{ tableId: 1 }] };
    const events = [
      failed(9, 1, { durationMs: 1000 }),
      failed(2, 1, { durationMs: 4000 }),
      finished(1, 1, { durationMs: 7000, isForced: true }),
    ];
    heard(tablesIn('Tiering', 1, 2, 9), both).gives({ ...answers, ...handed(9, 2) }, ...events, begun(9, 2));
  });
  test('after those that have waited longer', () => {
    const story = [shop, created(1), created(2), ...inState('Tiering', 1), ...inState('Pending', 2)];
    heard(story, { failed: [round(1)], wantsTable: true }).gives(
      { failed: [{ tableId: 1 }], ...handed(2, 1) },
      failed(1, 1, { durationMs: 3000 }),
      begun(2, 1),
    );
  });
  test('a table that went well in this heartbeat is not due', () => {
    heard(tablesIn('Tiering', 7), { finished: [round(7)], wantsTable: true }).gives({ finished: [{ tableId: 7 }] }, finished(7, 1));
  });
});

describe('an answer that got lost', () => {
  const story = [...tablesIn('Tiering', 7), created(8), ...inState('Pending', 8)];
  const round = { tableId: 7, tieringEpoch: 1 };

  test('its table is handed out again, before any other, without an event', () => {
    heard(story, { wantsTable: true }).gives(handed(7, 1));
    heard(story, { failed: [{ tableId: 50, tieringEpoch: 1 }], wantsTable: true }).gives({
      failed: [refusal(50, 'UNKNOWN_TABLE', "The table 50 doesn't exist.")],
      ...handed(7, 1),
    });
  });
  test('one of several that got lost, then the next', () => {
    const two = [...story, begun(8, 1)];
    heard(two, { wantsTable: true }).gives(handed(7, 1));
    heard(two, { tiering: [round], wantsTable: true }).gives({ tiering: [{ tableId: 7 }], ...handed(8, 1) });
  });
  test('nobody who does not ask is given it', () => heard(story, {}).gives({}));
  test('nor another service', () => heard(story, { service: 's2', wantsTable: true }).gives(handed(8, 1), begun(8, 1, { service: 's2' })));
  test.each<[where: string, said: Partial<Heartbeat>, answers: Partial<TieringAnswer>, before: readonly ChanceryEvent[]]>([
    ['as going on', { tiering: [round] }, { tiering: [{ tableId: 7 }] }, []],
    ['as finished', { finished: [round] }, { finished: [{ tableId: 7 }] }, [finished(7, 1, { durationMs: 4000 })]],
    ['as failed', { failed: [round] }, { failed: [{ tableId: 7 }] }, [failed(7, 1, { durationMs: 4000 })]],
    ['elsewhere', { alsoHas: [7] }, {}, []],
  ])('the service that names its table %s is handed another one', (_, said, answers, before) => {
    heard(story, { ...said, wantsTable: true }).gives({ ...answers, ...handed(8, 1) }, ...before, begun(8, 1));
  });
  test('a report with an epoch that is over is no word of the present round: that is handed out again', () => {
    const older = [shop, created(7), created(8), ...inState('Tiering', 7, 4), ...inState('Pending', 8)];
    const detail = 'The tiering epoch 4 is not match current epoch 5 in coordinator for table 7.';
    heard(older, { failed: [{ tableId: 7, tieringEpoch: 4 }], wantsTable: true }).gives({
      failed: [refusal(7, 'FENCED_TIERING_EPOCH', detail)],
      ...handed(7, 5),
    });
  });
  test('a service that has as many tables as it could name is given no other', () => {
    const { rounds } = tieringLimits;
    const ids = Array.from({ length: rounds }, (_, i) => i);
    const full = [...tablesIn('Tiering', ...ids), created(rounds), ...inState('Pending', rounds)];
    const all = ids.map((tableId) => ({ tableId, tieringEpoch: 1 }));
    heard(full, { tiering: all, wantsTable: true }).gives({ tiering: ids.map((tableId) => ({ tableId })) });
    const [{ tableId }, ...others] = all as [(typeof all)[number], ...typeof all];
    heard([...full, removed(tableId)], { tiering: others, wantsTable: true }).gives(
      { tiering: others.map((each) => ({ tableId: each.tableId })), ...handed(rounds, 1) },
      begun(rounds, 1),
    );
  });
  test('a round that is over is not handed out again', () => {
    heard([...tablesIn('Tiering', 7), finished(7, 1)], { wantsTable: true }).gives({});
    heard([...tablesIn('Tiering', 7), removed(7)], { wantsTable: true }).gives({});
  });
});

describe('the text of an error', () => {
  const { errorLength } = tieringLimits;
  const long = 'x'.repeat(errorLength);
  test.each([
    ['short', 'Connection refused', 'Connection refused'],
    ['on several lines', 'a\r\n\tb', 'a\r\n\tb'],
    ['of the length that is kept', long, long],
    ['one more', `${long}y`, long],
    ['as long as it may be given', 'x'.repeat(65_536), long],
    ['with a character of two units at its end', `${long.slice(2)}😀`, `${long.slice(2)}😀`],
    ['with one across its end', `${long.slice(1)}😀`, long.slice(1)],
    ['with one behind its end', `${long}😀`, long],
    ['with characters of two units all through', '😀'.repeat(32_768), '😀'.repeat(errorLength / 2)],
    ['with control characters', 'a\u0000b\u0007c\u007fd\u0085e', 'a\uFFFDb\uFFFDc\uFFFDd\uFFFDe'],
    ['with colours', '\u001b[1;31mAccess denied\u001b[0m: s3://lake/\u001b[38:5:1mshop\u009b0m', 'Access denied: s3://lake/shop'],
    ['with what moves the cursor', 'a\u001b[2J\u001b[Hb\u001b[?25lc\u001bMd\u001b(Be\u001bcf', 'abcdef'],
    ['with a title', 'a\u001b]0;title\u0007b\u001b]2;title\u001b\\c\u009dtitle\u009cd', 'abcd'],
    ['with a link', '\u001b]8;;http://x/\u001b\\see\u001b]8;;\u001b\\ there', 'see there'],
    ['with strings for devices', 'a\u001bPq#0\u001b\\b\u001b_x\u001b\\c\u001b^x\u001b\\d\u001bXx\u001b\\e', 'abcde'],
    ['with sequences that do not end', 'a\u001b]0;title\nb\u001b[31', 'a\uFFFD]0;title\nb\uFFFD[31'],
    ['with one in another', 'a\u001b\u001b[31m[32mb', 'a\uFFFD[32mb'],
    ['with colours before what is kept', `\u001b[31m${long}y`, long],
    ['with nothing but colours', '\u001b[31m\u001b[0m'.repeat(100), ''],
    ['with more colours than are looked at', `${'\u001b[0m'.repeat(16 * errorLength)}text`, ''],
    ['with halves of characters', '\udc00a\ud83db\ude00\ud83d\ud83dc', '\uFFFDa\uFFFDb\uFFFD\uFFFD\uFFFDc'],
    ['with half a character at its end', 'a\ud83d', 'a\uFFFD'],
    ['with nothing but half a character', '\ud83d', '\uFFFD'],
    ['with the other half of one at the end of what is kept', `${long.slice(1)}\ude00more`, `${long.slice(1)}\uFFFD`],
  ])('%s', (_, error, kept) => {
    expect(errorTextOf(error)).toBe(kept);
    expect(errorTextOf(kept)).toBe(kept);
    heard(tablesIn('Tiering', 7), { failed: [{ tableId: 7, tieringEpoch: 1, error }] }).gives(
      { failed: [{ tableId: 7 }] },
      failed(7, 1, kept === '' ? {} : { error: kept }),
    );
  });
});

describe('what may be given', () => {
  const round = { tableId: 7, tieringEpoch: 1 };
  const many = (count: number) => Array.from({ length: count }, () => round);
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i);
  const { reports } = tieringLimits;
  test.each<[what: string, command: Command]>([
    [
      'as many reports as may be',
      heartbeat({
        failed: many(reports),
        tiering: many(reports),
        finished: many(reports),
        forced: ids(reports),
        alsoHas: ids(3 * reports),
      }),
    ],
    ['the longest name', heartbeat({ service: 's'.repeat(64) })],
    ['the longest text', { name: 'reportTieringFail', ...round, error: 'x'.repeat(4 * 1024 * 1024) }],
    ['the largest numbers', { name: 'finishTableTiering', ...round, isForced: true, fileBytes: 2 ** 53 - 1, records: 2 ** 53 - 1 }],
  ])('%s', (_, command) => expect(parseCommand(command)).toEqual({ command }));

  test.each<[what: string, command: object, field: string]>([
    ['a report too many', heartbeat({ failed: many(reports + 1) }), 'failed'],
    ['a round too many', heartbeat({ tiering: many(reports + 1) }), 'tiering'],
    ['a success too many', heartbeat({ finished: many(reports + 1) }), 'finished'],
    ['a table too many', heartbeat({ forced: ids(reports + 1) }), 'forced'],
    ['more tables than it could report on', heartbeat({ alsoHas: ids(3 * reports + 1) }), 'alsoHas'],
    ['no name', heartbeat({ service: '' }), 'service'],
    ['too long a name', heartbeat({ service: 's'.repeat(65) }), 'service'],
    ['a name with a blank', heartbeat({ service: 's 1' }), 'service'],
    ['a name that begins with a dash', heartbeat({ service: '-s' }), 'service'],
    ['too long a text', { name: 'reportTieringFail', ...round, error: 'x'.repeat(4 * 1024 * 1024 + 1) }, 'error'],
    ['a negative epoch', { name: 'reportTieringFail', ...round, tieringEpoch: -1 }, 'tieringEpoch'],
    ['a negative epoch of the coordinator', { name: 'reportTieringFail', ...round, coordinatorEpoch: -1 }, 'coordinatorEpoch'],
    ['half an epoch', heartbeat({ tiering: [{ ...round, tieringEpoch: 0.5 }] }), 'tiering.0.tieringEpoch'],
    ['fewer bytes than none', heartbeat({ finished: [{ ...round, fileBytes: -1 }] }), 'finished.0.fileBytes'],
    ['records that a number does not hold', heartbeat({ finished: [{ ...round, records: 2 ** 53 }] }), 'finished.0.records'],
    ['not whether it was cut short', { name: 'finishTableTiering', ...round }, 'isForced'],
    ['a table too many to queue', { name: 'queueDueTables', atMost: tieringBatches.due + 1 }, 'atMost'],
    ['no table to queue', { name: 'queueDueTables', atMost: 0 }, 'atMost'],
    ['a table too many to take in', { name: 'adoptLakeTables', atMost: tieringBatches.adopted + 1 }, 'atMost'],
    ['a round too many to give up', { name: 'timeOutTieringRounds', rounds: many(tieringBatches.timedOut + 1) }, 'rounds'],
  ])('not %s', (_, command, field) => {
    const parsed = parseCommand(command);
    const issues = 'error' in parsed && typeof parsed.error !== 'string' ? parsed.error.issues : [];
    expect(issues.map(({ path }) => path.join('.'))).toEqual([field]);
  });
});

describe('operator calls', () => {
  const story = tablesIn('Tiering', 7);
  const round = { tableId: 7, tieringEpoch: 1 };
  const now = at(story.length);
  const fails: Command = { name: 'reportTieringFail', ...round };
  const finishes: Command = { name: 'finishTableTiering', ...round, isForced: false };

  test('reportTieringFail', () => {
    given(...story)
      .when({ ...fails, coordinatorEpoch: 1, error: 'no\u0000 space' }, { now })
      .gives(failed(7, 1, { error: 'no\uFFFD space' }));
    given(...story)
      .when(fails, { now })
      .gives(failed(7, 1));
  });
  test('finishTableTiering', () => {
    given(...story)
      .when({ ...finishes, coordinatorEpoch: 1 }, { now })
      .gives(finished(7, 1));
    given(...story)
      .when({ ...finishes, isForced: true, fileBytes: 5, records: 6 }, { now })
      .gives(finished(7, 1, { isForced: true, fileBytes: 5, records: 6 }));
  });
  test('a round that is over is passed over', () => {
    for (const command of [fails, finishes, { ...finishes, isForced: true }]) {
      given(...story, finished(7, 1))
        .when(command)
        .gives();
      given(...tablesIn('Pending', 7))
        .when(command)
        .gives();
    }
  });
  test.each<
    [what: string, more: Partial<typeof round> & { readonly coordinatorEpoch?: number }, ...refusal: [RejectionCode, string, string]]
  >([
    [
      'of another leader',
      { coordinatorEpoch: 2, tableId: 8, tieringEpoch: 5 },
      'FENCED_COORDINATOR_EPOCH',
      'coordinatorEpoch',
      'The coordinator epoch 2 in request is not match current coordinator epoch 1 for table 8.',
    ],
    ['of no table', { tableId: 8, tieringEpoch: 5 }, 'UNKNOWN_TABLE', 'tableId', "The table 8 doesn't exist."],
    [
      'of another round',
      { tieringEpoch: 5 },
      'FENCED_TIERING_EPOCH',
      'tieringEpoch',
      'The tiering epoch 5 is not match current epoch 1 in coordinator for table 7.',
    ],
  ])('a round %s', (_, more, code, field, detail) => {
    for (const command of [fails, finishes])
      given(...story)
        .when({ ...command, ...more })
        .isRefused(code, field, detail);
  });
});
