import { AgentplaneError } from "@agentplane/core";

import type { NativeRequest } from "./native-request.ts";
import type { GovernedPlane } from "../call/plane.ts";

/** What an SDK says of how long it waits, in whole seconds. */
const TIMEOUT_HEADER = "x-stainless-timeout";
/** The other half is for the model. */
const SHARE = 0.5;

/**
 * How long a request may still wait for humans, all its waits together: an SDK that gave up would ask again, and the human
 * would answer nobody. To believe its header can only shorten the wait.
 * @param waitMs In ms, as the application wants it.
 * @returns What is left, in ms, at each call.
 */
export function createPatience(native: Pick<NativeRequest, "header">, waitMs: number): () => number {
  if (waitMs === 0) return () => 0;
  const seconds = native.header(TIMEOUT_HEADER);
  const timeoutMs = seconds === null ? Infinity : Number(seconds) * 1_000;
  const limitMs = timeoutMs >= 0 ? Math.min(waitMs, timeoutMs * SHARE) : waitMs;
  const endMs = performance.now() + limitMs;
  return () => Math.max(0, Math.floor(endMs - performance.now()));
}

/**
 * Waits for a human's answer, no longer than told and not past the caller's patience.
 * @param limits `waitMs` in ms; 0 does not wait.
 * @returns Whether there is an answer, whatever it says: the call is then decided again.
 */
export async function awaitApproval(
  { approvals }: GovernedPlane,
  approvalId: string,
  { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  if (waitMs === 0) return false;
  const timeout = AbortSignal.timeout(waitMs);
  const given = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  try {
    const { status } = await approvals.wait(approvalId, given);
    return status === "approved";
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_pending") throw error;
    // Who gave up gets that error, as from any request; who ran out of time is told that nobody answered.
    if (signal?.aborted === true) throw signal.reason;
    return false;
  }
}

/** How many requests that wait for a human are remembered. */
const MAX_PENDING = 1_000;

/**
 * The requests that wait for a human, so that one that is sent again, by an SDK or a person, finds its own approval
 * instead of opening another.
 */
export class PendingRequests {
  readonly #questionIds = new Map<string, string>();
  readonly #prefix = `http-${crypto.randomUUID()}`;
  #count = 0;

  /** @returns The id of what this request may ask: that of the same request, while one waits. */
  questionIdOf(native: NativeRequest): string {
    const waiting = this.#questionIds.size === 0 ? undefined : this.#questionIds.get(keyOf(native));
    return waiting ?? `${this.#prefix}-${this.#count++}`;
  }

  /** The request waits for a human. */
  add(native: NativeRequest, questionId: string): void {
    this.#questionIds.set(keyOf(native), questionId);
    const [oldest] = this.#questionIds.keys();
    if (this.#questionIds.size > MAX_PENDING && oldest !== undefined) this.#questionIds.delete(oldest);
  }

  /** The request waits no more. */
  delete(native: NativeRequest): void {
    if (this.#questionIds.size > 0) this.#questionIds.delete(keyOf(native));
  }
}

function keyOf({ method, url, text, form }: NativeRequest): string {
  return JSON.stringify([method, url.href, text ?? form]);
}
