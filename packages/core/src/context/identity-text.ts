import { AgentplaneError } from "../base/errors.ts";

/** The longest name of an agent, tenant, user, session, tool or model, in UTF-16 units after NFC. */
export const MAX_NAME_CHARS = 512;

/** What needs no normalisation: most names are plain ASCII. */
const PLAIN = /^[\x20-\x7e]+$/;

/** Half of a surrogate pair alone is no text: different ones would become one in UTF-8. */
const BROKEN = /\p{Surrogate}/u;

/**
 * Reads a name: normalised to NFC, so that equal-looking spellings of one name are one name.
 * @param field Where it stands, such as `agent.id`, for the error.
 * @param maxChars Default 512.
 * @throws AgentplaneError `context_invalid` for what is not a non-empty, well-formed text of at most `maxChars`.
 */
export function identityText(value: unknown, field: string, maxChars = MAX_NAME_CHARS): string {
  if (typeof value !== "string" || value === "") {
    throw invalid(field, "must be a non-empty text; leave the field out when there is none");
  }
  if (value.length <= maxChars && PLAIN.test(value)) return value;
  const normal = value.length > maxChars * 4 ? value : value.normalize("NFC");
  if (normal.length > maxChars) throw invalid(field, `must have at most ${maxChars} characters`);
  if (BROKEN.test(normal)) throw invalid(field, "must be well-formed Unicode");
  return normal;
}

/** The error for a field of a context that cannot be used; never repeats the value. */
export function invalid(field: string, why: string): AgentplaneError {
  return new AgentplaneError("context_invalid", `context: ${field} ${why}`, { data: { field } });
}
