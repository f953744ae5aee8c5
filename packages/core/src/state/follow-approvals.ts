import { errorText } from "../base/error-text.ts";
import { isThenable } from "../base/maybe-promise.ts";
import type { Logger } from "../base/ports.ts";
import type { DocumentStore } from "../store/state-store.ts";
import type { Approval } from "./approval-machine.ts";
import { tellListener } from "./tell-listener.ts";

/**
 * Tells a listener of every request that is opened, answered, used or expired; where the store may have missed
 * changes, of all that are remembered, so that each is told at least once.
 * @returns The unsubscription.
 */
export function followApprovals(
  documents: DocumentStore,
  prefix: string,
  { changed, logger }: { changed(approval: Approval): void; readonly logger: Logger },
): () => void {
  const tell = (approval: Approval | undefined): void => {
    if (approval !== undefined) tellListener(() => changed(approval), "approvals", logger);
  };
  const tellAll = (found: readonly (readonly [string, Approval])[]): void =>
    found.forEach(([, approval]) => tell(approval));
  const fail = (error: unknown): void => {
    const text = errorText(error);
    logger.error("approvals that may have changed meanwhile could not be read", { error: text });
  };
  return documents.watch<Approval>(prefix, {
    changed: (_key, approval) => tell(approval),
    missed() {
      try {
        const listed = documents.list<Approval>(prefix);
        if (isThenable(listed)) listed.then(tellAll).catch(fail);
        else tellAll(listed);
      } catch (error) {
        fail(error);
      }
    },
  });
}
