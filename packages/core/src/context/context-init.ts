import type { Usage } from "../base/model-costs.ts";
import type { ApiCall } from "./context.ts";
import type { Hookpoint } from "./hookpoint.ts";

/** The acting agent as adapters name it. */
export interface AgentInit {
  readonly id: string;
  readonly runId?: string | undefined;
  /** Ids of the agents above, root first. Default: none. */
  readonly ancestors?: readonly string[] | undefined;
}

/** A tool as adapters see it. */
export interface ToolInit {
  /** What the model sees. */
  readonly name: string;
  readonly server?: string | undefined;
  readonly originalName?: string | undefined;
  /** Any value; snapshotted once. */
  readonly input?: unknown;
  readonly pin?: string | undefined;
}

/** A model call as adapters see it. */
export interface ModelInit {
  readonly provider?: string | undefined;
  readonly name: string;
  /** Any value; snapshotted once. Default: no messages. */
  readonly messages?: unknown;
  readonly tools?: readonly string[] | undefined;
  readonly maxOutputTokens?: number | undefined;
}

/** A resource, prompt, handoff or custom subject as adapters see it. */
export interface TargetInit {
  /** At most 4,096 characters: it may be a URI. */
  readonly name: string;
  readonly server?: string | undefined;
  /** Any value; snapshotted once. Default: none, which a condition about it leaves alone; null is one that lacks everything. */
  readonly input?: unknown;
}

/** An HTTP call as adapters see it; it is normalised. */
export interface ApiInit {
  readonly method: string;
  /** Absolute, `http` or `https`. */
  readonly url: string;
}

/** What adapters and users say about what is happening; `createContext` makes a `PolicyContext` of it. */
export interface ContextInit {
  readonly hookpoint: Hookpoint;
  /** The agent, or just its id. */
  readonly agent: string | AgentInit;
  readonly tenant?: string | undefined;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  /** The framework's id of this call; without one there is no replay protection. */
  readonly callId?: string | undefined;
  /** Names what may be asked of a human: for a call that comes once, and again only to hear the answer. */
  readonly questionId?: string | undefined;
  /**
   * What a human's yes is good for: any call with the same input, of the same agent and session (`action`), or the call of
   * this `callId` alone, for frameworks that go on with the very call (`call`). Default `action`.
   */
  readonly approvalFor?: "action" | "call" | undefined;
  /** The tool, or just its name. */
  readonly tool?: string | ToolInit | undefined;
  readonly model?: ModelInit | undefined;
  readonly target?: TargetInit | undefined;
  /** At `after_*`: any value; snapshotted once. */
  readonly result?: unknown;
  readonly isError?: boolean | undefined;
  readonly usage?: Usage | undefined;
  readonly api?: ApiInit | ApiCall | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly origin?: string | undefined;
  /** The distributed trace that the call belongs to, for its record; no rule looks at it. 32 lower-case hex digits, not all 0. */
  readonly traceId?: string | undefined;
  /** Epoch ms. Default: what `createContext` is given. */
  readonly nowMs?: number | undefined;
}
