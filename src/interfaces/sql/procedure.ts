import type { ChanceryEvent } from '../../../events/index.ts';
import type { State } from '../../../projections/state.ts';
import type { Asker } from '../../deciders/authorizer.ts';
import type { Command } from '../../deciders/commands.ts';
import type { Rebalancing } from '../../engine/rebalancing.ts';
import type { Caller, Outcome } from '../../engine/submission.ts';
import type { Rejection } from '../../rejection.ts';
import type { Sealer } from '../../secrets/port.ts';
import type { Arguments, Parameter } from './arguments.ts';
import type { StatementRefusal } from './refusals.ts';

export interface Column {
  readonly name: string;
  readonly type: string;
}
export type Cells = readonly (string | null)[];
/** What would become of a call. */
export interface Preview {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (string | number | null)[])[];
  /** What is to be said beside them, in lines. */
  readonly note?: string;
}

/** What a call comes to. */
export type Act =
  | { readonly kind: 'read'; rows(state: State): readonly Cells[] | Rejection }
  | {
      readonly kind: 'write';
      readonly command: Command;
      /** The answer when it is done; `state` is at or after it. */
      rows(state: State): readonly Cells[];
      /** What EXPLAIN says of the events that it would make in this state. */
      preview(events: readonly ChanceryEvent[], state: State): Preview;
      /** A rejection of the command in terms of the call's arguments. */
      refused(rejection: Rejection): ArgumentFault;
    }
  | {
      /** What takes more than one command. */
      readonly kind: 'work';
      run(caller: Caller): Promise<Worked>;
      explain(caller: Caller): Promise<Preview | { readonly kind: 'rejected'; readonly rejection: Rejection }>;
      /** A rejection in terms of the call's arguments. */
      refused(rejection: Rejection): ArgumentFault;
    }
  | { readonly kind: 'refused'; readonly fault: ArgumentFault };
export type Worked =
  | { readonly kind: 'done'; readonly position: number; readonly rows: readonly Cells[] }
  | Exclude<Outcome, { readonly kind: 'done' }>;
/** What is wrong, `field` as `config_pairs[1]`, and where that stands in the script. */
export interface ArgumentFault {
  readonly reason: Rejection | StatementRefusal;
  readonly offset?: number;
}

export interface Procedure {
  readonly name: string;
  readonly about: string;
  readonly parameters: readonly Parameter[];
  readonly columns: readonly Column[];
  act(values: Arguments, context: CallContext): Act;
}
export interface CallContext {
  readonly sealer: Sealer;
  readonly rebalancing: Rebalancing;
  /** Of the call: secrets are sealed under it. */
  readonly idempotencyKey: string;
  /** Listings leave out what they may not see. */
  readonly asker: Asker;
}
