import type { Logger } from "../base/ports.ts";

/** What the processes of an application have in common. */
export interface Shared {
  /** A store was given: others may use it too. */
  readonly hasStore: boolean;
  /** So was the key that signs what approvals are bound to. */
  readonly hasKey: boolean;
}

/** Told where an answer may come to another process than the one that asked. */
export interface AnswerWarnings {
  /** A human is asked by a policy. */
  requested(): void;
  /** An answer came to a question that is not known here. */
  unknown(): void;
}

/**
 * Says once each why honest answers of humans would be denied: where every request may reach another process, as on
 * serverless platforms, nothing else tells.
 */
export function createAnswerWarnings({ hasStore, hasKey }: Shared, logger: Logger): AnswerWarnings {
  return {
    requested: once(hasStore && !hasKey, () =>
      logger.warn(
        "approvals are signed with a key of this process alone: other processes, and this one after a restart, refuse " +
          "their answers; give all of them one secret, as in approvals: { resolver, key }",
      ),
    ),
    unknown: once(!hasStore, () =>
      logger.warn(
        "an answer to a question that is not known here was denied: it was forged or used before, or another process " +
          "asked, or this one before a restart; then give all of them one state and one approvals.key",
      ),
    ),
  };
}

function once(isWanted: boolean, warn: () => void): () => void {
  let isDone = !isWanted;
  return () => {
    if (isDone) return;
    isDone = true;
    warn();
  };
}
