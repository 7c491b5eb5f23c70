/** What the engine tells its operator, shaped as pino's methods: fields first, then a sentence. Never a secret. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
