import type { AsyncScope, Ports } from "../base/ports.ts";
import type { Scanner } from "../base/scanner.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import type { AgentIdentity, PolicyContext } from "../context/context.ts";
import type { CombineAlgorithm } from "../decision/combine.ts";
import type { Effect } from "../decision/decision.ts";
import type { Ruling } from "../decision/decision-point.ts";
import type { AlertTarget } from "../policy/policy.ts";
import type { Admissions } from "../state/admissions.ts";
import type { Approvals } from "../state/approval.ts";
import type { Degradation } from "../state/degradation.ts";
import type { Ladders } from "../state/ladder.ts";
import type { Plugboard } from "../state/plugboard.ts";
import type { Sessions } from "../state/session.ts";
import type { LedgerStore, StateStore } from "../store/state-store.ts";
import type { AlertMessage } from "../base/notifier.ts";
import type { InnerCalls } from "./inner-calls.ts";
import type { ObserverQueue } from "./observe.ts";

/** Which admission the running code belongs to: how a nested agent and a framework's replay are recognised. */
export interface CarriedAdmission {
  readonly agent: AgentIdentity;
  readonly tenant: string | undefined;
  /** The first names the call; a second is the same call as it was rewritten. */
  readonly callKeys: readonly string[];
  readonly decisionId: string;
  /** How many interceptions of this call lie around the innermost one. */
  readonly layers: number;
  /** Made when this call is intercepted again inside: most never are. */
  inner: InnerCalls | undefined;
  /** What `engine.decide` last answered inside, where Guard does not end it. */
  byHand: Ruling | undefined;
}

/** The choices of an operator that shape every decision; every default is the closed one. */
export interface EngineSettings {
  readonly planeId: string;
  /** Every hookpoint that exists; a context at another would meet no policy. */
  readonly hookpoints: ReadonlySet<string>;
  readonly combine: CombineAlgorithm;
  /** Identity fields that may be absent although a policy selects by them. */
  readonly optionalIdentity: ReadonlySet<"tenant" | "user">;
  readonly onStateError: "block" | "allow";
  readonly onAuditError: "block" | "continue";
  /** Undefined: block for what may write, reach outside or execute, where a rule or hook looks at it; allow for declared reads. */
  readonly onOpaque: "block" | "allow" | undefined;
  /** What a rule that needs the whole response does to a stream: hold it back, or judge it when it has left. */
  readonly onWhole: "buffer" | "exposePrefix";
  /** How long a hold outlives a crashed call. */
  readonly holdTtlMs: number;
  /** Someone can answer an approval; otherwise an ask is a block. */
  hasResolver(): boolean;
}

/** Everything the pipeline's steps work with, wired by `plane.ts`. */
export interface EngineParts {
  readonly ports: Ports;
  readonly settings: EngineSettings;
  readonly scanner: Scanner | undefined;
  readonly ledger: LedgerStore;
  /** Admits in one step; undefined for a store that is asked step by step. */
  readonly admit: StateStore["admit"];
  readonly plugboard: Plugboard;
  readonly degradation: Degradation;
  readonly ladders: Ladders;
  readonly approvals: Approvals;
  readonly sessions: Sessions;
  readonly admissions: Admissions;
  readonly audit: AuditSink;
  /** Told of calls of undeclared tools; undefined where the trail is kept in memory alone. */
  readonly undeclared: ((tool: string) => void) | undefined;
  /** Told of an answer to a question that is not known. */
  readonly unknownAnswer: () => void;
  readonly observers: ObserverQueue;
  readonly scope: AsyncScope<CarriedAdmission>;
  /** Whether a hook could look at such a call; absent where nobody knows of hooks. */
  isHooked?(context: PolicyContext): boolean;
  /** Grows with every change of policies, plugs or modes. */
  revision(): number;
  /** Epoch ms on the steady clock. */
  nowMs(): number;
  /** Writes a control record: a level, a mode, an approval. */
  recordControl(record: Omit<ControlRecord, "kind" | "at">): void;
  /** Sends a ladder's alert aside. */
  alert(target: AlertTarget, message: AlertMessage): void;
  /** The effect when no enforcing rule answered. */
  defaultEffect(): Exclude<Effect, "ask">;
  /** Signs what an approval is bound to. */
  hmac(text: string): string;
}
