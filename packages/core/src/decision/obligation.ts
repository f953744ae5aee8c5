import type { JsonValue } from "../base/json.ts";

/** What a redaction covers. */
export const REDACT_SURFACES = ["input", "prompt", "result", "response", "audit"] as const;
export type RedactSurface = (typeof REDACT_SURFACES)[number];

/** How a finding is replaced; the strongest wins: drop > mask > hash > tokenise. */
export const REDACT_TREATMENTS = ["drop", "mask", "hash", "tokenise"] as const;
export type RedactTreatment = (typeof REDACT_TREATMENTS)[number];

/** Replace named fields and detected text on the listed surfaces. */
export interface RedactObligation {
  readonly kind: "redact";
  readonly from: readonly RedactSurface[];
  /** Member names (globs, any depth, compared without case) whose whole value is replaced. */
  readonly fields: readonly string[];
  /** Detector names of the scanner, such as `email`. */
  readonly detect: readonly string[];
  readonly treatment: RedactTreatment;
}

/** Replace one value of the input before execution; two different rewrites of one path block the call. */
export interface RewriteObligation {
  readonly kind: "rewrite";
  /** Path into the input (before) or result (after), such as `$.limit` or `$.items[0].name`; `$` is the whole. */
  readonly path: string;
  readonly value: JsonValue;
}

/** Never ask the model for more output than was reserved. */
export interface ClampOutputObligation {
  readonly kind: "clampOutput";
  readonly maxOutputTokens: number;
}

/** A duty of the enforcement that comes with a decision: JSON, interned, compiled by identity. */
export type Obligation = RedactObligation | RewriteObligation | ClampOutputObligation;
