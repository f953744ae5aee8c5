import { generateId, isDeepEqualData } from "ai";

import type { AgentRun } from "./agent-run.ts";
import { agentContext } from "../call/context.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";

interface Waiting {
  readonly callId: string;
  readonly memory: CallMemory;
  readonly content: unknown;
  readonly actor: unknown;
  readonly attempts: number;
}

/** What is kept from one attempt of a call to the next. */
export interface CallMemory {
  /** The run that this call is, where nobody tells of a longer one. */
  run?: AgentRun;
}

/** One attempt of a model call. */
export interface Attempt {
  readonly callId: string;
  readonly memory: CallMemory;
  /**
   * Whether the SDK will try again after this error: the call then keeps what it holds, and its next attempt is the same
   * call. Remembers it if so.
   */
  willRetry(error: unknown, signal: AbortSignal | undefined): boolean;
}

/** Recognises the SDK's own retries: they reach the model as calls of their own, without a number. */
export interface RetriedCalls {
  /** @param content What the model is given: an attempt is recognised by it, and by who acts. */
  begin(content: unknown): Attempt;
}

/** More calls than this do not wait for their retries at once; what is forgotten counts as a new call. */
const MAX_WAITING = 100;

/**
 * @param given For whom the calls are made, as far as the application has said it: who acts now may be said elsewhere, and
 * others say the same words. `maxRetries` as the SDK was told; default 2, which is its own.
 */
export function createRetriedCalls({
  plane,
  identity,
  maxRetries = 2,
}: {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly maxRetries?: number | undefined;
}): RetriedCalls {
  const waiting: Waiting[] = [];
  const actor = (): unknown => {
    const { tenant, user, session } = plane.guard.context(agentContext(identity, undefined));
    return { tenant, user, session };
  };
  const take = (content: unknown): Waiting | undefined => {
    const now = actor();
    const position = waiting.findIndex(
      (one) => isDeepEqualData(one.actor, now) && isDeepEqualData(one.content, content),
    );
    return position < 0 ? undefined : waiting.splice(position, 1)[0];
  };
  return {
    begin(content) {
      const { callId, memory, attempts } = (waiting.length > 0 ? take(content) : undefined) ?? {
        callId: generateId(),
        memory: {},
        attempts: 0,
      };
      return {
        callId,
        memory,
        willRetry(error, signal) {
          if (!isRetryable(error) || attempts >= maxRetries || signal?.aborted === true) return false;
          waiting.push({ callId, memory, content, actor: actor(), attempts: attempts + 1 });
          if (waiting.length > MAX_WAITING) waiting.shift();
          return true;
        },
      };
    },
  };
}

/** As the SDK tells: an APICallError or a gateway's error that says so (`ai@7`, `retry-with-exponential-backoff`). */
function isRetryable(error: unknown): boolean {
  return error instanceof Error && "isRetryable" in error && error.isRetryable === true;
}
