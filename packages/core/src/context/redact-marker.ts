import { assertNever } from "../base/assert-never.ts";
import type { Hash } from "../base/ports.ts";
import type { Treatment } from "./redact-plan.ts";

/** The type of what was replaced because of its member's name. */
export const FIELD_TYPE = "REDACTED";
/** Its marker where it is masked. */
export const FIELD_MASK = `[${FIELD_TYPE}]`;

/**
 * A text that stands in for a finding: `[EMAIL]`, `[EMAIL:1a2b3c4d]`, `[EMAIL_1]`. Short enough that nothing worth
 * hiding fits into one that somebody forged.
 */
const MARKER = /\[([A-Z][A-Z0-9_ -]{0,63}?)(?::[0-9a-f]{8}|_[1-9]\d{0,5})?\]/g;

const FIELD_MARKER = /^\[REDACTED(?::[0-9a-f]{8}|_[1-9]\d{0,5})?\]$/;

/** Writes markers; equal findings of one redaction get equal numbers. */
export class MarkerWriter {
  readonly #hash: Hash;
  #numbers: Map<string, Map<string, number>> | undefined;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /**
   * The text that stands in for a finding; empty for `drop`.
   * @param type What was found, such as `email`.
   * @param text What it stands in for.
   */
  write(type: string, text: string, treatment: Treatment): string {
    const name = typeName(type);
    switch (treatment) {
      case "drop":
        return "";
      case "mask":
        return `[${name}]`;
      case "hash":
        return `[${name}:${this.#hash.sha256(text).slice(0, 8)}]`;
      case "tokenise":
        return `[${name}_${this.#numberOf(name, text)}]`;
      default:
        return assertNever(treatment, "redact treatment");
    }
  }

  #numberOf(name: string, text: string): number {
    this.#numbers ??= new Map();
    const numbers = this.#numbers.get(name) ?? new Map<string, number>();
    this.#numbers.set(name, numbers);
    const number = numbers.get(text) ?? numbers.size + 1;
    numbers.set(text, number);
    return number;
  }
}

/** Tells whether a text is a marker of a member's value, which is not replaced again. */
export function isFieldMarker(text: string): boolean {
  return FIELD_MARKER.test(text);
}

/** The name of a type in its markers: upper case. */
export function typeName(type: string): string {
  if (type === FIELD_TYPE) return type;
  return type.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, "_");
}

/** Where a text is, from `start` to before `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The markers in a text, so that they are not taken for findings.
 * @param types Names of types that markers can have here.
 */
export function markersIn(text: string, types: ReadonlySet<string>): readonly Range[] {
  if (!text.includes("[")) return [];
  const found: Range[] = [];
  for (const match of text.matchAll(MARKER)) {
    if (types.has(match[1] ?? "")) found.push({ start: match.index, end: match.index + match[0].length });
  }
  return found;
}
