/**
 * Goal: the generated pages say what the code says, and the written ones lead somewhere.
 * Method: generates the pages of docs/generate.ts anew and compares; looks at each field of each event; follows every local link.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { configsPage, errorsPage, eventsPage, permissionsPage } from '../../docs/generate.ts';
import { catalogue } from '../../events/index.ts';
import { files, read } from './sources.ts';

test('docs/events.md is what `npm run docs` writes', () => expect(read('docs/events.md')).toBe(eventsPage()));
test('docs/errors.md is what `npm run docs` writes', () => expect(read('docs/errors.md')).toBe(errorsPage()));
test('docs/permissions.md is what `npm run docs` writes', () => expect(read('docs/permissions.md')).toBe(permissionsPage()));
test('docs/configs.md is what `npm run docs` writes', () => expect(read('docs/configs.md')).toBe(configsPage()));

test.each([...catalogue.values()].map((definition) => [definition.type, definition] as const))(
  '%s says what it is and what its fields mean',
  (_, { about, schema }) => {
    expect(about).toMatch(/^[A-Z].*\.$/s);
    const { properties } = z.toJSONSchema(schema) as { readonly properties: Readonly<Record<string, { readonly description?: string }>> };
    const silent = Object.entries(properties).flatMap(([name, field]) => (field.description === undefined ? [name] : []));
    expect(silent, 'fields without .describe(…)').toEqual([]);
  },
);

const pages = files.filter((file) => file.endsWith('.md'));
test('the pages were found', () => expect(pages).toEqual(expect.arrayContaining(['docs/events.md', 'docs/contributing.md'])));
test.each(pages)('the links of %s lead to files', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => link);
  expect(links.filter((link) => !existsSync(join(dirname(page), link)))).toEqual([]);
});

test('decision records are numbered from 0001 without gaps, and each has its parts', () => {
  const records = files.filter((file) => /^docs\/decisions\/.*\.md$/.test(file));
  expect(records.length).toBeGreaterThan(0);
  for (const [i, record] of records.entries()) {
    expect(record).toMatch(new RegExp(`/${String(i + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
    for (const part of ['## Situation', '## Options', '## Choice', '## Cost', '## What would reopen it'])
      expect(read(record), record).toContain(part);
  }
});
