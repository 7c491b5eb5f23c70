/**
 * Goal: a subject tells how many events are about it, the first of them and the newest sixteen.
 * Method: random valid logs, compared with the list of all positions of each subject.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { subjectsOf } from '../../events/index.ts';
import { bulkFold } from '../../projections/state.ts';
import { subjectOf } from '../../projections/subjects.ts';
import { logOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';
import { validLog } from './validLogs.ts';

test('each subject has its positions', () => {
  let longest = 0;
  fc.assert(
    fc.property(validLog, fc.integer({ min: 1, max: 4 }), (chapters, times) => {
      // Node lives cannot be repeated, config changes can: that is how some subjects get long.
      const configured = chapters.slice(1).filter(({ events }) => events.every(({ type }) => type === 'ClusterConfigsChanged'));
      const last = chapters.at(-1)?.at ?? 0;
      const log = logOf([
        ...chapters,
        ...Array.from({ length: times }, () => configured.map((chapter) => ({ ...chapter, at: last }))).flat(),
      ]);
      const positions = new Map<string, number[]>();
      for (const { entry } of log)
        for (const [i, event] of entry.events.entries())
          for (const subject of subjectsOf(event)) positions.set(subject, [...(positions.get(subject) ?? []), entry.firstPosition + i]);
      const fold = bulkFold();
      fold.add(log.map(({ text }) => decodeEntry(text)));
      const { subjects } = fold.finish();
      for (const [subject, all] of positions) {
        expect(subjectOf(subjects, subject)).toEqual({ count: all.length, first: all[0], recent: all.slice(-16) });
        longest = Math.max(longest, all.length);
      }
      expect(subjects.byName.keys()).toEqual([...positions.keys()].sort());
      expect(subjectOf(subjects, 'config/never')).toBeUndefined();
    }),
    replay({ numRuns: 40 }).params,
  );
  expect(longest).toBeGreaterThan(16);
});
