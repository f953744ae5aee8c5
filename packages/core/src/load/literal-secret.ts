import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";

/** Member names that hold a secret wherever they appear in a policy. */
const SECRET_FIELD = /^(?:.*[_-])?(?:secret|token|password|passwd|key|api_?key|credentials?|authorization)$/i;
const SECRET_FIELD_CAMEL =
  /(?:Secret|Token|Password|(?:[aA]pi|[aA]ccess|[pP]rivate|[sS]igning)Key|Credentials?)$/;

/**
 * Members whose children are named by the customer (arguments of a tool, tags), not by agentplane: `key` there is the
 * name of an argument.
 */
const FOREIGN_NAMES: ReadonlySet<string> = new Set(["where", "require", "input", "tags", "schema", "value"]);

/**
 * The shapes of well-known credentials, each linear-time. Sources: the providers' published formats as used by secret
 * scanners (GitHub "supported secret scanning patterns", Slack token types, AWS IAM unique identifiers, RFC 7519).
 */
const TOKEN_SHAPES: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{20,}/,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/,
  /\bgh[oprsu]_[A-Za-z0-9]{36}/,
  /\bgithub_pat_[A-Za-z0-9_]{50,}/,
  /\bglpat-[A-Za-z0-9_-]{20}/,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/,
  /\bhooks\.slack\.com\/services\/T[A-Z0-9]{6,}\/B[A-Z0-9]{6,}\/[A-Za-z0-9]{16,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bAIza[A-Za-z0-9_-]{35}/,
  /\bnpm_[A-Za-z0-9]{36}/,
  /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\./,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/,
  // In the query of an address.
  /[?&](?:[a-z]{1,32}[_-])?(?:secret|token|password|key|sig)=[^&\s]{8}/i,
  /\bBearer [A-Za-z0-9._~+/-]{20,}/,
];

/** No text shorter than this has any of the shapes: the shortest is `?key=` with eight characters. */
const MIN_TOKEN_LENGTH = 13;

/** Tells whether a text contains something shaped like a well-known credential. */
export function looksLikeSecret(text: string): boolean {
  return text.length >= MIN_TOKEN_LENGTH && TOKEN_SHAPES.some((shape) => shape.test(text));
}

/**
 * Reports every secret written out in a configuration; they are references, so that a policy can be shown, diffed and
 * published. The message names the place, never the text.
 * @param value The copied document, or a member of it whose own name is none that holds a secret.
 * @param path Where the value lies.
 */
export function refuseLiteralSecrets(value: JsonValue, issues: IssueList, path: IssuePath = []): void {
  visit({ value, path, key: undefined, isForeign: false }, issues);
}

interface Place {
  readonly value: JsonValue;
  readonly path: IssuePath;
  readonly key: string | undefined;
  readonly isForeign: boolean;
}

function visit({ value, path, key, isForeign }: Place, issues: IssueList): void {
  if (typeof value === "string") {
    if (
      (!isForeign && key !== undefined && isSecretField(key) && !value.startsWith("$.")) ||
      looksLikeSecret(value)
    ) {
      const hint = "keep the secret in an environment variable and refer to it: { env: NAME }";
      issues.add(path, "looks like a literal secret, which does not belong in a policy", hint);
    }
  } else if (isJsonObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      visit(
        { value: member, path: [...path, name], key: name, isForeign: isForeign || FOREIGN_NAMES.has(name) },
        issues,
      );
    }
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      visit({ value: item, path: [...path, index], key: undefined, isForeign }, issues);
    }
  }
}

/** Tells whether a member's name says that it holds a secret. */
export function isSecretField(key: string): boolean {
  return SECRET_FIELD.test(key) || SECRET_FIELD_CAMEL.test(key);
}
