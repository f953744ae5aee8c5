import { AgentplaneError } from "../base/errors.ts";
import type { FetchLike } from "../base/platform.ts";
import type { Ports } from "../base/ports.ts";

/** Where and with what batches are sent. */
export interface DeliveryRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: FetchLike;
}

/** How one request is made. */
export interface SendOptions extends Pick<Ports, "timers" | "createAbort"> {
  readonly request: DeliveryRequest;
  readonly timeoutMs: number;
}

/**
 * Sends lines of a trail; settles when the service says that it has them (any 2xx).
 * @param key The same for the same lines: a service that has seen it answers without storing them again.
 * @throws AgentplaneError `audit_failed` (rejects) for any other answer, none in time, or no connection; never with what
 *   the service wrote
 */
export async function sendBatch(
  lines: Uint8Array,
  key: string,
  { request, timeoutMs, timers, createAbort }: SendOptions,
): Promise<void> {
  const abort = createAbort();
  const cancel = timers.set(() => abort.abort(), timeoutMs);
  try {
    const { status } = await request.fetch(request.url, {
      method: "POST",
      headers: { ...request.headers, "content-type": "application/x-ndjson", "idempotency-key": key },
      body: new TextDecoder().decode(lines),
      signal: abort.signal,
      redirect: "error",
    });
    if (status < 200 || status > 299)
      throw new AgentplaneError("audit_failed", `the service answered ${status}`, { data: { status } });
  } catch (error) {
    if (error instanceof AgentplaneError) throw error;
    throw new AgentplaneError("audit_failed", "the service did not answer", { data: {}, cause: error });
  } finally {
    cancel();
    // Nobody reads what follows the status, and an answer that is not read keeps its connection.
    abort.abort();
  }
}
