import type { Rejection } from '../../rejection.ts';
import type { EventQuery, FailureQuery, Moment, ReplayQuery, SelectOptions, StateOptions } from './port.ts';

/** What a node asks its history process. */
export type Question =
  | { readonly ask: 'events'; readonly query: EventQuery }
  | { readonly ask: 'stateAt'; readonly moment: Moment | undefined; readonly options: StateOptions | undefined }
  | { readonly ask: 'replay'; readonly query: ReplayQuery & { readonly limit: number } }
  | { readonly ask: 'failures'; readonly query: FailureQuery }
  | { readonly ask: 'select'; readonly sql: string; readonly options: SelectOptions };

/** `HistoryRefused` on its way between processes. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly offset: number | undefined;
  readonly facts?: Rejection['facts'];
}

/** From the node. Every `ask` is answered once, by `answer` or `refuse`, also when it was cancelled. */
export type ToProcess =
  /**
   * `toIndex`: the entry that the node had folded when it was asked; the answer must not be older. `caller`: whose turn it takes; empty
   * for the node's own.
   */
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question; readonly toIndex: number; readonly caller: string }
  | { readonly kind: 'cancel'; readonly id: number }
  /** There is more to fold: no answer, only to be ready when the next question comes. */
  | { readonly kind: 'head'; readonly index: number }
  | { readonly kind: 'texts'; readonly id: number; readonly texts: readonly string[] }
  | { readonly kind: 'unreadable'; readonly id: number; readonly message: string };

/** From the history process. It reads the log through its node: `read` is answered by `texts` or `unreadable`. */
export type FromProcess =
  | { readonly kind: 'read'; readonly id: number; readonly afterIndex: number; readonly limit: number }
  | { readonly kind: 'folded'; readonly index: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refuse'; readonly id: number; readonly refusal: Refusal };
