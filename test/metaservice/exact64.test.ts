/**
 * Goal: numbers that are only compared lose no bit on their way in and out.
 * Method: named cases at the ends of 64 bits, in both dialects, as numbers and as texts.
 */
import { expect, test } from 'vitest';
import { printStrict } from '../../src/interfaces/metaservice/jsonText.ts';
import { parseLenient } from '../../src/interfaces/metaservice/lenientJson.ts';
import { parseStrict } from '../../src/interfaces/metaservice/strictJson.ts';
import { uniqueId } from '../../src/interfaces/metaservice/txnMessages.ts';

test('the halves of a UUID keep all 64 bits, whichever way they are written', () => {
  const value = { hi: '-9223372036854775808', lo: '9223372036854775807' };
  for (const text of ['{"hi":-9223372036854775808,"lo":9223372036854775807}', '{"hi":"-9223372036854775808","lo":"9223372036854775807"}']) {
    expect(parseStrict(uniqueId, text)).toEqual({ kind: 'value', value });
    expect(parseLenient(uniqueId, text, 'x')).toEqual({ kind: 'value', value });
  }
  expect(printStrict(uniqueId, value)).toBe('{"hi":-9223372036854775808,"lo":9223372036854775807}');
  expect(parseStrict(uniqueId, '{"hi":7,"lo":"+7"}')).toEqual({ kind: 'value', value: { hi: '7' } });
  expect(parseStrict(uniqueId, '{"hi":9223372036854775808}')).toEqual({ kind: 'value', value: {} });
  expect(parseLenient(uniqueId, '{"hi":9223372036854775808}', 'x').kind).toBe('error');
  expect(parseLenient(uniqueId, '{"hi":1.5}', 'x').kind).toBe('error');
});
