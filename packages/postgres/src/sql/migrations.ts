import { ADMIT_FUNCTIONS } from "./admit-functions.ts";
import { ADMIT_GROUP_FUNCTION } from "./admit-group.ts";
import { AUDIT_TABLES } from "./audit-tables.ts";
import { AUDIT_WRITERS } from "./audit-writers.ts";
import { documentFunctions, DOCUMENT_TABLES } from "./document-tables.ts";
import { HOLD_FUNCTIONS } from "./hold-functions.ts";
import { HOLD_TAKERS } from "./hold-takers.ts";
import { LEDGER_FUNCTIONS } from "./ledger-functions.ts";
import { LEDGER_TABLES } from "./ledger-tables.ts";
import { RESERVE_FUNCTIONS } from "./reserve-functions.ts";
import { WINDOW_FUNCTIONS } from "./window-functions.ts";

/**
 * The steps from an empty schema to the current one, numbered from 1. A step that was ever released is never changed:
 * a change is a new step at the end.
 * @param channel Where followers of documents are woken.
 */
export function migrations(channel: string): readonly string[] {
  return [
    [
      LEDGER_TABLES,
      WINDOW_FUNCTIONS,
      HOLD_FUNCTIONS,
      RESERVE_FUNCTIONS,
      LEDGER_FUNCTIONS,
      DOCUMENT_TABLES,
      documentFunctions(channel),
      AUDIT_TABLES,
    ].join("\n"),
    ADMIT_FUNCTIONS,
    ADMIT_GROUP_FUNCTION,
    HOLD_TAKERS,
    AUDIT_WRITERS,
  ];
}
