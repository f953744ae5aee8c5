import {
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type ParsedNode,
  type Scalar,
} from "yaml";

import { ConfigError, type ConfigIssue } from "../base/errors.ts";
import { readPolicyFileText } from "./policy-file-text.ts";
import { parseUniqueJson } from "./unique-json.ts";

/** A policy file as it was read; what is in it is checked when it is put into force. */
export interface PolicyFile {
  /** Names the source in the engine and in errors: `file:<path>`. */
  readonly source: `file:${string}`;
  /** Plain data, not checked yet. */
  readonly document: unknown;
}

/** Enough for anchors that people write, far too few to blow up memory. */
const MAX_ALIASES = 100;

/**
 * Reads a policy file.
 * @param path A YAML or JSON file.
 * @throws ConfigError when it cannot be read, is no UTF-8, larger than 8 MiB or neither, with line and column
 * @example
 * const { source, document } = loadPolicyFile("agentplane.yaml");
 */
export function loadPolicyFile(path: string): PolicyFile {
  return { source: `file:${path}`, document: parsePolicyText(readPolicyFileText(path), path) };
}

/**
 * Reads the text of a policy file: YAML 1.2 with the core schema, of which JSON is a part. No tags, no merge keys, each
 * key once, at most 100 aliases.
 * @param text The whole file.
 * @param path Names the file in errors.
 * @returns Plain data; null for an empty text.
 * @throws ConfigError naming every syntax error with line and column
 */
export function parsePolicyText(text: string, path: string): unknown {
  // A text that did not come from a file may still have its byte order mark.
  const plain = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const json = parseUniqueJson(plain);
  return json === undefined ? parseYaml(plain, path) : json.value;
}

function parseYaml(text: string, path: string): unknown {
  // Not `silent`: that would also ignore a second document in the file.
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "core",
    version: "1.2",
    uniqueKeys: isSameName,
    logLevel: "error",
    lineCounter: lines,
  });
  // A warning is what YAML would ignore, such as an unknown tag; policies ignore nothing.
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    throw new ConfigError(
      `file:${path}`,
      problems.map(({ message, linePos }) => syntaxIssue(message, linePos?.[0])),
    );
  }
  refuseTags(document, lines, path);
  try {
    const data: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return data;
  } catch (error) {
    const message = error instanceof Error ? error.message : "cannot be read";
    const suggestion = "write the repeated parts out";
    throw new ConfigError(`file:${path}`, [{ path: "", message, suggestion }], error);
  }
}

/** As members `1` and `"1"` are one, of which only the later would stay. */
function isSameName(one: ParsedNode, other: ParsedNode): boolean {
  if (!isScalar(one) || !isScalar(other)) return one === other;
  return typeof one.value === typeof other.value ? one.value === other.value : nameOf(one) === nameOf(other);
}

/** A scalar's value is no object but null, which becomes an empty name. */
function nameOf({ value }: Scalar): string {
  return value === null || value === undefined ? "" : `${value as string | number | boolean}`;
}

/**
 * Those that YAML knows are not unknown to the parser. The one without a name is what an exclusion without quotes becomes
 * where a space follows: the opposite of what was meant.
 */
function refuseTags(document: Document.Parsed, lines: LineCounter, path: string): void {
  const issues: ConfigIssue[] = [];
  visit(document, {
    Node(_key, { tag, range }) {
      if (tag === undefined) return;
      const { line, col } = lines.linePos(range?.[0] ?? 0);
      issues.push({ path: `line ${line}, column ${col}`, message: "has a tag", suggestion: NO_TAGS });
    },
  });
  if (issues.length > 0) throw new ConfigError(`file:${path}`, issues);
}

const NO_TAGS = 'leave it out, or quote an exclusion: "!name"';

function syntaxIssue(
  message: string,
  at: { readonly line: number; readonly col: number } | undefined,
): ConfigIssue {
  // Only the first line: the rest is a drawing of the source, which may contain what was pasted by mistake.
  const first = (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
  const path = at === undefined ? "" : `line ${at.line}, column ${at.col}`;
  // Its own words are advice for programmers who use the parser.
  if (first.includes("multiple documents")) {
    const suggestion = "put all policies into the one list `policies`, or into several files";
    return { path, message: "a second document begins here", suggestion };
  }
  return { path, message: first, ...(first.startsWith("Unresolved tag") && { suggestion: NO_TAGS }) };
}
