import { SafetyError } from "./safety-error.ts";
import { resolveSpans } from "./resolve-spans.ts";
import type { Span } from "./span.ts";

/**
 * How a finding is replaced, from strongest to weakest:
 * `drop` removes it · `mask` writes `[email]` · `hash` writes `[email:<hash>]`, equal for equal values ·
 * `tokenise` writes `[email_1]`, numbered by first appearance, so that a reader can tell two addresses apart.
 */
export type RedactMode =
  | { readonly mode: "drop" }
  | { readonly mode: "mask" }
  | { readonly mode: "hash"; readonly hash: (value: string, type: string) => string }
  | { readonly mode: "tokenise" };

/** Gives the text that stands in for one finding. */
export type Replace = (value: string, span: Span) => string;

/**
 * Builds the function that replaces one finding after the other; a `tokenise` one remembers what it has numbered.
 * @param mode How to replace. A `hash` function should be keyed (HMAC): card numbers can be guessed from a plain hash.
 */
export function createReplace(mode: RedactMode): Replace {
  switch (mode.mode) {
    case "drop":
      return () => "";
    case "mask":
      return (_value, span) => `[${span.type}]`;
    case "hash":
      return (value, span) => `[${span.type}:${mode.hash(value, span.type)}]`;
    case "tokenise":
      return createNumbering();
    default:
      return unknownMode(mode);
  }
}

/**
 * Replaces every finding in a text; overlapping findings are resolved first, so the union of all is covered.
 * @param text The text that was scanned.
 * @param spans Findings in that text, in any order.
 * @param mode How to replace, or a function that does it.
 * @example redactText("mail a@b.example", scanner.scan(request).spans, { mode: "mask" }) // "mail [email]"
 */
export function redactText(text: string, spans: readonly Span[], mode: RedactMode | Replace): string {
  const replace = typeof mode === "function" ? mode : createReplace(mode);
  let result = "";
  let position = 0;
  for (const span of resolveSpans(spans)) {
    result += text.slice(position, span.start) + replace(text.slice(span.start, span.end), span);
    position = span.end;
  }
  return result + text.slice(position);
}

function createNumbering(): Replace {
  const numbers = new Map<string, Map<string, number>>();
  return (value, span) => {
    const ofType = numbers.get(span.type) ?? new Map<string, number>();
    numbers.set(span.type, ofType);
    const number = ofType.get(value) ?? ofType.size + 1;
    ofType.set(value, number);
    return `[${span.type}_${number}]`;
  };
}

function unknownMode(mode: never): never {
  throw new SafetyError(
    "option_invalid",
    `unknown redact mode ${String(mode)}: use drop, mask, hash or tokenise`,
  );
}
