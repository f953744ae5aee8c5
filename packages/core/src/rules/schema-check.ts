import type { JsonValue } from "../base/json.ts";

/** Collects what is wrong with a value: the path in the schema's own words, never a part of the value. */
export type SchemaCheck = (value: JsonValue, at: string, problems: string[]) => void;

/** Where a schema is being compiled. */
export interface SchemaPlace {
  readonly path: readonly (string | number)[];
  report(path: readonly (string | number)[], message: string, suggestion?: string): void;
}
