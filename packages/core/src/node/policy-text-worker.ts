import { parentPort, workerData } from "node:worker_threads";

import { policyTextMessage, type PolicyTextMessage } from "./policy-text.ts";

/** What the worker is given. */
export interface PolicyTextJob {
  readonly text: string;
  readonly path: string;
}

// Started by `readPolicyTextAside` alone, which passes exactly this.
const { text, path } = workerData as PolicyTextJob;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a worker has no origin
const tell = (message: PolicyTextMessage): void => parentPort?.postMessage(message);

tell({ kind: "started" });
tell(policyTextMessage(text, path));
