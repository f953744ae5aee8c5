import type { JsonValue } from "../base/json.ts";

/** Collects what is wrong with a value: the path in the schema's own words, never a part of the value. */
export type SchemaCheck = (value: JsonValue, at: string, problems: string[]) => void;
