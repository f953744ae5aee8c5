import type { JsonValue } from "../base/json.ts";
import type { Scanner } from "../base/scanner.ts";
import { redact } from "../context/redact.ts";
import type { RedactObligation } from "../decision/obligation.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import { redactDuties } from "./step-rewrite.ts";

/** Names of members that are hidden in every stored view, whatever the policies say. */
const SECRET_FIELDS: readonly string[] = [
  "*password*",
  "*passwd*",
  "*secret*",
  "*token",
  "*api_key*",
  "*apikey*",
  "authorization",
  "cookie",
  "*private_key*",
  "ssn",
  "*card_number*",
  "cvv",
];

const defaults = new WeakMap<object, RedactObligation>();
const NO_SCANNER = {};

/**
 * The view of a content that may be stored: redacted before it leaves the engine, by the policies' own redactions and by
 * the names and shapes that are always secret.
 * @param value Content of a call.
 * @param duties The redactions of the policies that match.
 */
export function auditView(
  value: JsonValue,
  duties: readonly OwnedObligation[],
  { scanner, ports }: Pick<EngineParts, "scanner" | "ports">,
): JsonValue {
  const all = [...redactDuties(duties, "audit"), defaultRedaction(scanner)];
  return redact(value, all, { scanner, hash: ports.hash, channel: "tool_input" });
}

function defaultRedaction(scanner: Scanner | undefined): RedactObligation {
  const owner = scanner ?? NO_SCANNER;
  const known = defaults.get(owner);
  if (known !== undefined) return known;
  const detect = (scanner?.detectors ?? [])
    .filter(({ family }) => family === "secret")
    .map(({ name }) => name);
  const created: RedactObligation = {
    kind: "redact",
    from: ["audit"],
    fields: SECRET_FIELDS,
    detect,
    treatment: "mask",
  };
  defaults.set(owner, created);
  return created;
}
