import type { AbortSignalLike } from "../base/platform.ts";
import type { AsyncScope, Ports } from "../base/ports.ts";
import type { Scanner } from "../base/scanner.ts";
import type { Tokenizer } from "../base/model-costs.ts";
import type { IdentityClaim } from "../context/identity.ts";
import type { DecisionPoint } from "../decision/decision-point.ts";
import type { CarriedAdmission } from "../engine/engine-parts.ts";
import type { HookRegistry } from "../hooks/hook-registry.ts";
import type { LiveCalls } from "./live-calls.ts";

/** What Guard's verbs share. */
export interface GuardCore {
  readonly point: DecisionPoint;
  readonly hooks: HookRegistry;
  readonly ports: Ports;
  readonly scope: AsyncScope<CarriedAdmission>;
  readonly live: LiveCalls;
  readonly scanner: Scanner | undefined;
  readonly tokenizer: Tokenizer;
  /** Where identity comes from beside the call itself, and who may fill its gaps. */
  readonly identity: {
    readonly current: (() => IdentityClaim | undefined) | undefined;
    readonly trust: readonly string[];
  };
  /** How long a hold outlives a call that gives no sign of life. */
  readonly holdTtlMs: number;
  /** Settles when a request for approval is no longer pending. */
  waitForAnswer(approvalId: string, signal: AbortSignalLike | undefined): Promise<unknown>;
  /** Epoch ms on the steady clock. */
  nowMs(): number;
}
