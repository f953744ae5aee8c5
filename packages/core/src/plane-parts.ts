import { requireDurationMs } from "./base/duration.ts";
import { createSteadyClock, type Ports } from "./base/ports.ts";
import { createAlertSender } from "./engine/alert-sender.ts";
import type { PolicyCompiler } from "./engine/compile-policy.ts";
import type { CarriedAdmission, EngineParts } from "./engine/engine-parts.ts";
import { headroomOf } from "./engine/headroom.ts";
import type { ObserverQueue } from "./engine/observe.ts";
import type { PolicySet } from "./engine/policy-set.ts";
import type { Recorder } from "./engine/recorder.ts";
import { createAnswerWarnings } from "./engine/unshared-answers.ts";
import { createUndeclaredWarning } from "./engine/undeclared-tools.ts";
import type { PlaneOptions } from "./plane-options.ts";
import { Admissions } from "./state/admissions.ts";
import { Approvals } from "./state/approval.ts";
import { Degradation } from "./state/degradation.ts";
import { Ladders } from "./state/ladder.ts";
import { Plugboard } from "./state/plugboard.ts";
import { Sessions } from "./state/session.ts";
import { sharedNowMs } from "./store/shared-now.ts";
import type { StateStore } from "./store/state-store.ts";

/** What the parts are made of. */
export interface Wiring {
  readonly ports: Ports;
  readonly set: PolicySet;
  readonly recorder: Recorder;
  readonly state: StateStore;
  readonly observers: ObserverQueue;
  readonly tools: PolicyCompiler["tools"];
}

/** Wires the machines to their stores, and everything the engine works with. */
export function createParts(
  options: PlaneOptions,
  { ports, set, recorder, state, observers, tools }: Wiring,
): EngineParts {
  const nowMs = sharedNowMs(state, createSteadyClock(ports.clock));
  const shared = { hasStore: options.state !== undefined, hasKey: options.approvals?.key !== undefined };
  const answers = createAnswerWarnings(shared, ports.logger);
  const recordControl: EngineParts["recordControl"] = (record) => {
    recorder.control(record);
    if (record.action !== "approval_requested") return;
    answers.requested();
    tellResolver(options, record.data?.["approvalId"], approvals, observers);
  };
  const planeId = options.id ?? "default";
  const machine = { nowMs, record: recordControl, ports, planeId };
  const plugboard = new Plugboard({ ...machine, controls: state.controls });
  const degradation = new Degradation({
    ...machine,
    controls: state.controls,
    headroom: (entry, ruleId, context) =>
      headroomOf({ set, ledger: state.ledger, planeId }, { entry, ruleId, context }),
  });
  const approvalKey = options.approvals?.key ?? ports.ids.secret("key");
  const hmac = (text: string): string => ports.hash.hmacSha256(approvalKey, text);
  const approvals = new Approvals({
    ...machine,
    approvals: state.approvals,
    hmac,
    seal: options.approvals?.seal,
  });
  return {
    ports,
    settings: settingsOf(options, tools.hookpoints),
    scanner: options.scanner,
    ledger: state.ledger,
    admit: state.admit,
    plugboard,
    degradation,
    ladders: new Ladders({ ...machine, ladders: state.ladders }),
    approvals,
    sessions: new Sessions({
      ...machine,
      sessions: state.sessions,
      aside: (work) => observers.track(work),
    }),
    admissions: new Admissions({
      admissions: state.admissions,
      ...(options.onUnknownOutcome !== undefined && { onUnknownOutcome: options.onUnknownOutcome }),
    }),
    audit: recorder,
    undeclared: options.audit && createUndeclaredWarning(ports.logger),
    unknownAnswer: answers.unknown,
    observers,
    scope: ports.createScope<CarriedAdmission>(),
    revision: () => set.current.revision + plugboard.revision + degradation.revision,
    nowMs,
    recordControl,
    alert: createAlertSender(tools.createNotifier, observers),
    defaultEffect: () => set.current.defaultEffect,
    hmac,
  };
}

/** Hands a new request to the application, aside: the decision does not wait for whoever will answer. */
function tellResolver(
  { approvals: chosen }: PlaneOptions,
  approvalId: unknown,
  approvals: Approvals,
  observers: ObserverQueue,
): void {
  const resolver = chosen?.resolver;
  if (typeof resolver !== "function" || typeof approvalId !== "string") return;
  const told = Promise.resolve()
    .then(() => approvals.get(approvalId))
    .then((approval) => approval && resolver(approval));
  observers.track(told);
}

function settingsOf(options: PlaneOptions, hookpoints: readonly string[]): EngineParts["settings"] {
  return {
    hookpoints: new Set(hookpoints),
    planeId: options.id ?? "default",
    combine: options.combine ?? "mostRestrictive",
    optionalIdentity: new Set(options.identity?.optional ?? []),
    onStateError: options.onStateError ?? "block",
    onAuditError: options.onAuditError ?? "block",
    onOpaque: options.onOpaque,
    onWhole: options.stream?.onWhole ?? "buffer",
    holdTtlMs: requireDurationMs(options.holdTtl ?? DEFAULT_HOLD_TTL),
    hasResolver: () => options.approvals !== undefined,
  };
}

const DEFAULT_HOLD_TTL = "2m";
