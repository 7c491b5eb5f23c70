/** Why a statement that reads well cannot be run. Those of a query are in `errors.ts`, those of a command in `src/rejection.ts`. */
export const statementRefusals = {
  UNKNOWN_PROCEDURE: 'SHOW PROCEDURES lists what can be called.',
  WRONG_ARGUMENTS: 'DESCRIBE followed by the name of the procedure shows its arguments.',
  INVALID_ARGUMENT: 'DESCRIBE followed by the name of the procedure shows its arguments. Nothing was changed.',
  UNKNOWN_CATALOG: 'SHOW CATALOGS lists the catalogs; the name may be left out.',
  NO_PROCEDURES: 'Call it as sys.<name>; SHOW PROCEDURES lists what can be called.',
  UNKNOWN_OBJECT: 'SHOW TABLES and SHOW PROCEDURES list what can be described.',
  UNKNOWN_PROPERTY: 'SET without anything behind it lists the properties.',
  INVALID_PROPERTY: 'Give a value as the message says.',
  SYSTEM_DATABASE: 'Name another database, as in fluss.orders, or USE one first; SHOW DATABASES lists them. Nothing was changed.',
  INVALID_KEY: 'Leave this key out, or give it once. Nothing was changed.',
  SCRIPT_TOO_LONG: 'Send the remaining statements in a script of their own.',
} as const;
export type StatementRefusalCode = keyof typeof statementRefusals;

/** An expected "no" to a statement. */
export interface StatementRefusal {
  readonly code: StatementRefusalCode;
  /** The argument or property at fault: `config_pairs[1]`; empty when it is about the statement. */
  readonly field: string;
  readonly detail: string;
  readonly remedy: string;
  /** UTF-16 units from the start of the script. */
  readonly offset?: number;
}

export const refusal = (code: StatementRefusalCode, field: string, detail: string, offset?: number): StatementRefusal => ({
  code,
  field,
  detail,
  remedy: statementRefusals[code],
  ...(offset === undefined ? {} : { offset }),
});
