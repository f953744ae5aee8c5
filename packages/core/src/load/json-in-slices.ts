import { ConfigError } from "../base/errors.ts";
import { Pace, type SlicedWork } from "../base/sliced-work.ts";
import { PolicyScanner } from "./policy-scanner.ts";

/** What a JSON text holds. */
export interface ParsedJson {
  readonly value: unknown;
  /** How many members its objects have as they are written; the value has fewer where a name stands twice. */
  readonly memberCount: number;
}

/** So many characters are scanned in about 20 µs, and parsed in about 100. */
const CHARS_PER_STEP = 8_192;

/**
 * Parses the JSON text of a policy document in steps: a policy at a time, and the rest at once. The result is that of
 * `JSON.parse`, which parses each piece.
 * @param source Names the text in errors.
 * @throws ConfigError naming the policy, or line and column, when it is not JSON; never with a part of the text
 */
export function* parseJsonInSlices(text: string, source: string): SlicedWork<ParsedJson> {
  const scanner = new PolicyScanner(text);
  while (scanner.scan(CHARS_PER_STEP)) yield;
  const { memberCount } = scanner;
  const pieces = scanner.pieces();
  // Whatever looks odd is left to `JSON.parse`, also to say what is wrong.
  if (pieces === undefined) return { value: parsePiece(text, source, ""), memberCount };
  let document: unknown;
  try {
    document = JSON.parse(pieces.rest);
  } catch {
    // The whole text is not JSON either, and in it the place is the right one.
    return { value: parsePiece(text, source, ""), memberCount };
  }
  const policies: unknown[] = [];
  const pace = new Pace(CHARS_PER_STEP);
  for (const { start, end } of pieces.policies) {
    policies.push(parsePiece(text.slice(start, end), source, `policies[${policies.length}]`));
    if (pace.isDue(end - start)) yield;
  }
  // The scanner found the list as a member of the outermost object.
  (document as { policies: readonly unknown[] }).policies = policies;
  return { value: document, memberCount };
}

function parsePiece(text: string, source: string, path: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    // The rest of the message may quote the text.
    const [, line, column] =
      /line (\d+) column (\d+)/.exec(error instanceof Error ? error.message : "") ?? [];
    const place = path === "" && line !== undefined ? `line ${line}, column ${column}` : path;
    const suggestion = "pass the text of a JSON document, or the document itself";
    throw new ConfigError(source, [{ path: place, message: "is not JSON", suggestion }]);
  }
}
