import type { LiveAdmission } from "./admission.ts";
import type { GuardCore } from "./guard-core.ts";

/** A generator that is closed before it was read runs none of its own clean-up: the call never started. */
export function releasedUnread<Chunk>(
  core: GuardCore,
  admission: LiveAdmission,
  chunks: AsyncGenerator<Chunk, void, undefined>,
): AsyncIterator<Chunk, void, undefined> {
  let hasStarted = false;
  return {
    next() {
      hasStarted = true;
      return chunks.next();
    },
    async return() {
      if (!hasStarted && core.live.remove(admission)) {
        await core.point.finish(admission.decision.id, { status: "released" });
      }
      return chunks.return();
    },
  };
}
