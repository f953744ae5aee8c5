import { isJsonObject, type JsonValue } from "../base/json.ts";
import { PATTERN_DIMENSIONS } from "../policy/selector.ts";
import { ID_PATTERN, isPattern } from "./schema.ts";

/** The members whose value this looks at itself. */
const DIMENSIONS: ReadonlySet<string> = new Set(PATTERN_DIMENSIONS);

/**
 * Tells at once that the schema of a policy accepts one, for what nearly all policies look like: an id, a selector of
 * pattern lists, rules. It says no to everything else, right or wrong: then the schema is asked, which also explains.
 * What it accepts the schema accepts; a property test holds it to that.
 * @param value The copied policy; its rules are not looked at.
 */
export function isOrdinaryPolicy(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  const { id } = value;
  if (typeof id !== "string" || !ID_PATTERN.test(id)) return false;
  for (const key in value) {
    const member = value[key];
    switch (key) {
      case "id":
        break;
      case "selector":
        if (member === undefined || !isOrdinarySelector(member)) return false;
        break;
      case "blocking":
      case "nonBlocking":
        if (!Array.isArray(member)) return false;
        break;
      case "description":
        if (typeof member !== "string" || member.length > 2_000) return false;
        break;
      case "priority":
        if (!Number.isInteger(member) || Math.abs(Number(member)) > 1_000_000) return false;
        break;
      case "mode":
        if (member !== "enforce" && member !== "shadow") return false;
        break;
      case "onError":
        if (member !== "block" && member !== "allow") return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

function isOrdinarySelector(selector: JsonValue): boolean {
  if (!isJsonObject(selector)) return false;
  for (const key in selector) {
    const patterns = selector[key];
    if (!DIMENSIONS.has(key) || !Array.isArray(patterns) || patterns.length === 0) return false;
    for (let at = 0; at < patterns.length; at++) if (!isOrdinaryPattern(patterns[at])) return false;
  }
  return true;
}

function isOrdinaryPattern(pattern: JsonValue | undefined): boolean {
  return typeof pattern === "string" && pattern !== "" && pattern.length <= 512 && isPattern(pattern);
}
