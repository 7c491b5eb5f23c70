import type { DataKeyEvent } from '../../../events/dataKeys.ts';
import type { Words } from './shown.ts';

export const dataKeyWords: Words<DataKeyEvent['type']> = {
  DataKeyCreated: ({ keyId, wrapped }) => `data key ${keyId} seals secrets from now on, kept under master key ${wrapped.keyId}`,
  DataKeysRewrapped: ({ keys, masterKeyId }) =>
    `${keys.length} ${keys.length === 1 ? 'data key' : 'data keys'} put under master key ${masterKeyId}`,
  DataKeyShredded: ({ keyId, sealedValues }) => {
    const lost = `${sealedValues} ${sealedValues === 1 ? 'value' : 'values'} in force lost with it`;
    return `data key ${keyId} shredded${sealedValues === 0 ? '' : `, ${lost}`}`;
  },
};
