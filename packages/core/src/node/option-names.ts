import { suggest } from "../base/did-you-mean.ts";
import { ConfigError, type ConfigIssue } from "../base/errors.ts";

/** Every option of something, so that none is forgotten where one is added. */
export type OptionNames<Options extends object> = Readonly<Record<keyof Options, true>>;

/** Finds options that do not exist: a misspelt `key` would leave a trail unsigned in silence. */
export function unknownOptions(options: object, known: Readonly<Record<string, true>>): ConfigIssue[] {
  const names = Object.keys(known);
  return Object.keys(options)
    .filter((name) => !names.includes(name))
    .map((name) => ({ path: name, message: "unknown option", suggestion: suggest(name, names) }));
}

/** @throws ConfigError naming options that do not exist */
export function refuseUnknown(source: string, options: object, known: Readonly<Record<string, true>>): void {
  const issues = unknownOptions(options, known);
  if (issues.length > 0) throw new ConfigError(source, issues);
}
