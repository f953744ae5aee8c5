import { errorText } from "../base/error-text.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { GuardCore } from "./guard-core.ts";

/** What an admitted call gives over time. */
export interface Unread<Chunk> {
  read(): AsyncGenerator<Chunk, void, undefined>;
  /** The error of a call that was cut meanwhile: its reading begins nothing. */
  cut(): Error | undefined;
  /** Ends the call when nothing of it was read: a generator that never began runs none of its own clean-up. */
  leave(): MaybePromise<unknown>;
}

/**
 * Hands out what a call gives: one reading, for a second one would be a second call under one decision. A reader that
 * never comes says nothing: the call is left when its hold would expire, and does not begin after that.
 */
export function readOnce<Chunk>(
  { ports, holdTtlMs }: GuardCore,
  { read, cut, leave }: Unread<Chunk>,
): AsyncIterable<Chunk> {
  let state: "new" | "opened" | "begun" | "left" = "new";
  const stopWaiting = ports.timers.set(() => {
    state = "left";
    // Thrown out of a timer it would end the process.
    new Promise((resolve) => resolve(leave())).catch((error: unknown) =>
      ports.logger.error("a call that nobody read could not be ended", { error: errorText(error) }),
    );
  }, holdTtlMs);
  /** @returns Whether nothing was read before. */
  const begin = (): boolean => {
    if (state !== "opened") return false;
    stopWaiting();
    state = "begun";
    return true;
  };
  const leaveCut = async (chunks: AsyncGenerator<Chunk>, cutBy: Error): Promise<never> => {
    // Closed before anything is awaited, as below.
    const closed = chunks.return(undefined);
    await leave();
    await closed;
    throw cutBy;
  };
  return {
    [Symbol.asyncIterator]() {
      if (state !== "new") throw misread();
      state = "opened";
      const chunks = read();
      return {
        next() {
          const cutBy = begin() ? cut() : undefined;
          if (cutBy !== undefined) return leaveCut(chunks, cutBy);
          return state === "left" ? Promise.reject(misread()) : chunks.next();
        },
        async return() {
          const isUnread = begin();
          // Closed before anything is awaited: a reading that comes at once would begin what is being given back.
          const closed = chunks.return();
          if (isUnread) await leave();
          return closed;
        },
      };
    },
  };
}

/** The error of a reading that would run a call without what was decided about it. */
export function misread(): AgentplaneError {
  return new AgentplaneError(
    "usage_invalid",
    "a governed stream is read once, before its hold expires (holdTtl) and a call around it ends; call again",
  );
}
