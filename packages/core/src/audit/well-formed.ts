import { canonicalJson } from "../base/canonical-json.ts";
import { mayHoldLoneSurrogate } from "../base/json-text.ts";

/** One half of a pair that stands alone; in a Unicode pattern whole pairs are one character of another kind. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

const REPLACEMENT = "\u{FFFD}";

/**
 * Replaces what no UTF-8 can carry: RFC 8785 section 3.2.2.2 refuses lone surrogates, and whoever verifies a trail with
 * a strict reader could not read the line. A call must not escape its record because a model wrote half a character, so
 * it becomes U+FFFD here; digests of inputs are taken before, of what really came.
 * @param text Canonical JSON.
 * @returns The same text in nearly every case, else canonical JSON again.
 */
export function wellFormed(text: string): string {
  if (!mayHoldLoneSurrogate(text)) return text;
  // The text may also hold a backslash and the letters, escaped; then nothing changes below.
  return canonicalJson(repaired(JSON.parse(text)));
}

function repaired(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll(LONE_SURROGATE, REPLACEMENT);
  if (Array.isArray(value)) return value.map(repaired);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value);
  const taken = new Set(members.map(([name]) => name));
  return Object.fromEntries(members.map(([name, member]) => [freeName(name, taken), repaired(member)]));
}

/** Two names that differ in a lone surrogate alone must not become one, or a member would be lost. */
function freeName(name: string, taken: Set<string>): string {
  let free = name.replaceAll(LONE_SURROGATE, REPLACEMENT);
  if (free === name) return name;
  while (taken.has(free)) free += REPLACEMENT;
  taken.add(free);
  return free;
}
