import type { ConfigValue } from '../../../events/configs.ts';
import type { ChanceryEvent } from '../../../events/index.ts';
import { aclWords } from './aclWords.ts';
import { bucketWords } from './bucketWords.ts';
import { catalogWords } from './catalogWords.ts';
import { clusterWords } from './clusterWords.ts';
import { dataKeyWords } from './dataKeyWords.ts';
import { instanceWords } from './instanceWords.ts';
import { rebalanceWords } from './rebalanceWords.ts';
import { serverWords } from './serverWords.ts';
import { type DataOf, durationInWords, namesInWords, shown, type Words, wordsLimits } from './shown.ts';
import { storageWords } from './storageWords.ts';
import { tieringWords } from './tieringWords.ts';
import { tokenWords } from './tokenWords.ts';
import { transactionWords } from './transactionWords.ts';

/** A family adds a line for each of its events: what happened, for somebody who knows the cluster and not this code. */
const words: Words = {
  LogCreated: ({ format }) => `log created, format ${format}`,
  LeadershipTaken: ({ nodeId, epoch }) => `${nodeId} took the lead, epoch ${epoch}`,
  CoordinatorJoined: ({ nodeId, operatorUrl, release }) => `${nodeId} joined at ${shown(operatorUrl)}, release ${shown(release)}`,
  CoordinatorLost: ({ nodeId, forgetAfterMs }) =>
    `${nodeId} was lost, taken off the list in ${durationInWords(forgetAfterMs)} unless it returns`,
  CoordinatorForgotten: ({ nodeId }) => `${nodeId} was taken off the list`,
  ClusterConfigsChanged: ({ changes }) => {
    const told = changes.slice(0, wordsLimits.changes).map(changeInWords);
    const rest = changes.length - told.length;
    return [...told, ...(rest > 0 ? [`${rest} more ${rest === 1 ? 'key' : 'keys'}`] : [])].join(' · ');
  },
  ...instanceWords,
  ...storageWords,
  ...clusterWords,
  ...transactionWords,
  ...aclWords,
  ...dataKeyWords,
  ...tokenWords,
  ...serverWords,
  ...catalogWords,
  ...bucketWords,
  ...rebalanceWords,
  ...tieringWords,
};

/** What happened, on one line, in the operator's words; never a secret, never a control character. */
export const wordsOf = (event: ChanceryEvent): string => (words[event.type] as (data: unknown) => string)(event.data);

function changeInWords({ key, previous, value }: DataOf<'ClusterConfigsChanged'>['changes'][number]): string {
  return `${value.kind === 'unset' ? 'reset' : 'set'} ${shown(key)}   ${valueInWords(previous)} → ${valueInWords(value)}`;
}

function valueInWords(value: ConfigValue): string {
  switch (value.kind) {
    case 'unset':
      return 'unset';
    case 'hidden':
      return 'no value';
    case 'text':
      return quotedWhereUnclear(value.text);
    case 'secrets':
      return `sealed (${namesInWords(Object.keys(value.entries).sort())})`;
  }
}

/** Blank ends would not be seen, and a text may say what is said of a key without one. */
const quotedWhereUnclear = (text: string): string =>
  text.trim() !== text || text === '' || /^(unset|no value|sealed \(.*\))$/.test(text) ? `'${shown(text)}'` : shown(text);

/** `24 h`, `90 s`, `1500 ms`: the largest unit that says it exactly. */
