/** Acts on bearer tokens, which rest on no other act: issued, revoked, over, and an id that is used again. */
import type { Command } from '../../src/deciders/commands.ts';
import type { Chapter } from '../support/given.ts';
import { Teller } from './metaServiceActs.ts';

const hash = (digit: string): string => digit.repeat(64);
const minuteMs = 60_000;

/** @param begins epoch milliseconds, before any of them happens */
const tokenActs = (begins: number): readonly Command[] => [
  { name: 'issueToken', tokenId: 'ci0000000001', principal: 'User:ci', hash: hash('1'), about: 'the nightly build' },
  { name: 'issueToken', tokenId: 'ops000000002', principal: 'User:dana', hash: hash('2'), about: '', expiresAt: begins + 9e9 },
  { name: 'issueToken', tokenId: 'old000000003', principal: 'User:Größe', hash: hash('3'), about: 'one', expiresAt: begins + 6 * minuteMs },
  { name: 'revokeToken', tokenId: 'ci0000000001' },
  { name: 'issueToken', tokenId: 'ci0000000001', principal: 'User:ci', hash: hash('4'), about: 'the same id again' },
  { name: 'expireToken', tokenId: 'old000000003' },
];

/** A story in which every event of the family occurs: chapters a minute apart. @param begins epoch milliseconds */
export function tokenStory(begins: number): readonly (Chapter & { readonly command: string; readonly at: number })[] {
  const teller = new Teller();
  const chapters = tokenActs(begins).map((act, i) => {
    const at = begins + (i + 1) * minuteMs;
    return { command: act.name, at, events: teller.act(act, at) };
  });
  teller.end();
  return chapters;
}
