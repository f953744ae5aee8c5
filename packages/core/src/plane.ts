import type { AuditRecord } from "./audit/audit-record.ts";
import { memorySink } from "./audit/memory-sink.ts";
import { requireDurationMs } from "./base/duration.ts";
import { createSteadyClock, type Ports } from "./base/ports.ts";
import { createPorts } from "./base/runtime.ts";
import { byteTokenizer } from "./base/tokenizer.ts";
import { HOOKPOINTS } from "./context/hookpoint.ts";
import { createGuard, type Guard } from "./enforce/guard.ts";
import { createLiveCalls } from "./enforce/live-calls.ts";
import { createAlertSender } from "./engine/alert-sender.ts";
import { compilePolicy, type PolicyCompiler } from "./engine/compile-policy.ts";
import { createControls, type Controls } from "./engine/controls.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import type { CarriedAdmission, EngineParts } from "./engine/engine-parts.ts";
import { headroomOf } from "./engine/headroom.ts";
import { createLimits, type Limits } from "./engine/limits.ts";
import { createObserverQueue, type ObserverQueue } from "./engine/observe.ts";
import { createPolicyChanges, type PolicyChanges } from "./engine/policy-changes.ts";
import { createPolicySet, type PolicySet } from "./engine/policy-set.ts";
import { createRecorder, type Recorder, type RecordListener } from "./engine/recorder.ts";
import { HookRegistry } from "./hooks/hook-registry.ts";
import { createNotifier } from "./notify/notifier.ts";
import { checkOptions, type PlaneOptions } from "./plane-options.ts";
import { BUILT_IN_RULES, createRegistry } from "./rules/registry.ts";
import { Admissions } from "./state/admissions.ts";
import { Approvals } from "./state/approval.ts";
import { Degradation } from "./state/degradation.ts";
import { Ladders } from "./state/ladder.ts";
import { Plugboard } from "./state/plugboard.ts";
import { Sessions } from "./state/session.ts";
import type { StateStore } from "./store/state-store.ts";
import { memoryState } from "./store/memory-state.ts";
import { createVersions, type Versions } from "./versioning/versions.ts";

/** The wired object users hold: everything about one governed application. */
export interface AgentPlane {
  readonly engine: Engine;
  /** The enforcement kit; adapters are built on it. */
  readonly guard: Guard;
  /** Customers' own code at hookpoints; it runs before the engine's decision. */
  readonly hooks: HookRegistry;
  readonly controls: Controls;
  readonly approvals: Approvals;
  readonly limits: Limits;
  readonly versions: Versions;
  /** Follows what is recorded. Returns the unsubscription. */
  on<Kind extends AuditRecord["kind"]>(kind: Kind, listener: RecordListener<Kind>): () => void;
  /** Settles when everything aside is done and every record is written. */
  flush(): Promise<void>;
  /** Flushes and releases timers, watchers and stores. */
  close(): Promise<void>;
}

/**
 * Wires a plane: the one call an application starts with.
 * @param options Policies, tools, stores and choices; unknown names are refused.
 * @returns The plane; synchronous in memory.
 * @throws ConfigError naming every issue of the options or policies.
 * @example
 * const plane = createAgentPlane({ policies: [{ id: "no-delete", blocking: [rule.denylist({ tools: ["delete_*"] })] }] });
 * await plane.engine.evaluate({ hookpoint: "before_tool_call", agent: "support", tool: "delete_user" }); // throws PolicyBlocked
 */
export function createAgentPlane(options: PlaneOptions = {}): AgentPlane {
  checkOptions(options);
  const ports = createPorts(options.ports);
  const registry = createRegistry(options.rules);
  const hookpoints = [...HOOKPOINTS, ...(options.hookpoints ?? [])];
  const observers = createObserverQueue(ports);
  const tools = compileTools(options, ports, hookpoints);
  const builtInKinds = new Set<string>(BUILT_IN_RULES.map(({ kind }) => kind));
  const set = createPolicySet(
    (loaded, traits) => compilePolicy(loaded, traits, { registry, builtInKinds, tools }),
    options.defaultEffect ?? "allow",
  );
  const recorder = createRecorder(options.audit ?? memorySink({ hash: ports.hash }), ports);
  const state = options.state ?? memoryState({ clock: createSteadyClock(ports.clock) });
  const parts = createParts(options, { ports, set, recorder, state, observers, tools });
  const changes = createPolicyChanges({ set, registry, hookpoints, hash: ports.hash, record: parts.recordControl });
  const hooks = new HookRegistry({
    ports,
    hookpoints,
    onRun: ({ hookId, hookpoint, outcome, durationMs }) =>
      parts.recordControl({ action: "hook", by: hookId, subject: hookpoint, data: { outcome, durationMs } }),
  });
  const engine = createEngine(parts, set, { changes, isOwnRegistry: (registry) => registry === hooks });
  loadCode(options, changes);
  const guard = createGuard({
    point: engine,
    hooks,
    ports,
    scope: parts.scope,
    live: createLiveCalls(engine, ports, parts.settings.holdTtlMs),
    scanner: options.scanner,
    tokenizer: tools.tokenizer,
    nowMs: parts.nowMs,
  });
  const flush = async (): Promise<void> => {
    await observers.flush();
    await recorder.flush();
  };
  return {
    engine,
    guard,
    hooks,
    controls: createControls(parts),
    approvals: parts.approvals,
    limits: createLimits(parts, set),
    versions: createVersions({ hash: ports.hash, nowMs: ports.clock.wallMs, record: parts.recordControl }),
    on: (kind, listener) => recorder.on(kind, listener),
    flush,
    async close() {
      guard.close();
      await flush();
      await recorder.close();
      await state.close();
    },
  };
}

type Tools = PolicyCompiler["tools"];

function compileTools(options: PlaneOptions, ports: Ports, hookpoints: readonly string[]): Tools {
  const { clock, timers, hash, logger, fetch, secret } = ports;
  return {
    scanner: options.scanner,
    cel: options.cel,
    prices: options.prices,
    tokenizer: options.tokenizer ?? byteTokenizer,
    metrics: options.metrics,
    clock,
    timers,
    hash,
    logger,
    fetch,
    secret,
    hookpoints,
    createNotifier: (target, fail) => createNotifier(target, { ...ports, fail }),
  };
}

interface Wiring {
  readonly ports: Ports;
  readonly set: PolicySet;
  readonly recorder: Recorder;
  readonly state: StateStore;
  readonly observers: ObserverQueue;
  readonly tools: Tools;
}

function createParts(options: PlaneOptions, { ports, set, recorder, state, observers, tools }: Wiring): EngineParts {
  const steady = createSteadyClock(ports.clock);
  const nowMs = (): number => steady.nowMs();
  const recordControl: EngineParts["recordControl"] = (record) => {
    recorder.control(record);
    if (record.action === "approval_requested") tellResolver(options, record.data?.["approvalId"], approvals, observers);
  };
  const planeId = options.id ?? "default";
  const machine = { nowMs, record: recordControl, ports, planeId };
  const plugboard = new Plugboard({ ...machine, controls: state.controls });
  const degradation = new Degradation({
    ...machine,
    controls: state.controls,
    headroom: (entry, ruleId, context) =>
      headroomOf({ set, ledger: state.ledger, planeId }, { setBy: entry.by, ruleId, context }),
  });
  const approvalKey = options.approvals?.key ?? ports.ids.secret("key");
  const hmac = (text: string): string => ports.hash.hmacSha256(approvalKey, text);
  const approvals = new Approvals({ ...machine, approvals: state.approvals, hmac });
  return {
    ports,
    settings: settingsOf(options),
    scanner: options.scanner,
    ledger: state.ledger,
    plugboard,
    degradation,
    ladders: new Ladders({ ...machine, ladders: state.ladders }),
    approvals,
    sessions: new Sessions({ ...machine, sessions: state.sessions }),
    admissions: new Admissions({
      admissions: state.admissions,
      ...(options.onUnknownOutcome !== undefined && { onUnknownOutcome: options.onUnknownOutcome }),
    }),
    audit: recorder,
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

function settingsOf(options: PlaneOptions): EngineParts["settings"] {
  return {
    planeId: options.id ?? "default",
    combine: options.combine ?? "mostRestrictive",
    optionalIdentity: new Set(options.identity?.optional ?? []),
    onStateError: options.onStateError ?? "block",
    onAuditError: options.onAuditError ?? "block",
    onOpaque: options.onOpaque,
    holdTtlMs: requireDurationMs(options.holdTtl ?? DEFAULT_HOLD_TTL),
    hasResolver: () => options.approvals !== undefined,
  };
}

const DEFAULT_HOLD_TTL = "2m";

function loadCode({ policies, tools }: PlaneOptions, changes: PolicyChanges): void {
  if (policies === undefined && tools === undefined) return;
  changes.replaceAll("code", {
    apiVersion: "agentplane/v1",
    policies: policies ?? [],
    ...(tools !== undefined && { tools }),
  });
}
