import { AgentplaneError } from "../base/errors.ts";
import type { FetchLike } from "../base/platform.ts";
import type { Ports } from "../base/ports.ts";

/** What is posted, the same bytes at every attempt. */
export interface Delivery {
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How long one attempt may take. */
const ATTEMPT_TIMEOUT_MS = 5_000;
/** The waits between attempts; their number bounds the retries. */
const BACKOFF_MS = [500, 1_000, 2_000] as const;

/**
 * Posts with a timeout per attempt; retries what may pass (network, 408, 429, 5xx), never a refusal. Redirects are
 * errors: a signed body goes nowhere but where the policy says.
 * @throws AgentplaneError `alert_failed` naming the host after the last attempt.
 */
export async function deliver(
  delivery: Delivery,
  ports: Pick<Ports, "timers" | "createAbort"> & { readonly fetch: FetchLike },
): Promise<void> {
  let problem = "";
  for (let attempt = 0; attempt <= BACKOFF_MS.length; attempt++) {
    // oxlint-disable-next-line no-await-in-loop -- one attempt after the other is the point
    const outcome = await post(delivery, ports);
    if (outcome === "delivered") return;
    problem = outcome.problem;
    const waitMs = BACKOFF_MS[attempt];
    if (!outcome.mayPass || waitMs === undefined) break;
    // oxlint-disable-next-line no-await-in-loop -- the wait between two attempts
    await new Promise<void>((resolve) => void ports.timers.set(resolve, waitMs));
  }
  throw new AgentplaneError(
    "alert_failed",
    `an alert could not be delivered to ${delivery.host}: ${problem}`,
    {
      data: { host: delivery.host, problem },
    },
  );
}

type Outcome = "delivered" | { readonly mayPass: boolean; readonly problem: string };

async function post(
  { url, headers, body }: Delivery,
  { timers, createAbort, fetch }: Parameters<typeof deliver>[1],
): Promise<Outcome> {
  const abort = createAbort();
  let cancel: (() => void) | undefined;
  const late = new Promise<Outcome>((resolve) => {
    cancel = timers.set(() => {
      abort.abort();
      resolve({ mayPass: true, problem: `no answer within ${ATTEMPT_TIMEOUT_MS} ms` });
    }, ATTEMPT_TIMEOUT_MS);
  });
  const sent = fetch(url, { method: "POST", headers, body, signal: abort.signal, redirect: "error" }).then(
    ({ ok, status }): Outcome =>
      ok
        ? "delivered"
        : { mayPass: status >= 500 || status === 429 || status === 408, problem: `status ${status}` },
    // What the network says may quote the address, which may be a secret.
    (): Outcome => ({ mayPass: true, problem: "the connection failed or was redirected" }),
  );
  return Promise.race([sent, late]).finally(() => {
    cancel?.();
    // Nobody reads what follows the status, and an answer that is not read keeps its connection.
    abort.abort();
  });
}
