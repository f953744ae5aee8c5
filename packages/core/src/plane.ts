import type { AuditRecord } from "./audit/audit-record.ts";
import { memorySink } from "./audit/memory-sink.ts";
import { requireDurationMs } from "./base/duration.ts";
import { createSteadyClock, type Ports } from "./base/ports.ts";
import { createPorts } from "./base/runtime.ts";
import { byteTokenizer } from "./base/tokenizer.ts";
import { afterOf, HOOKPOINTS } from "./context/hookpoint.ts";
import { createGuard, type Guard } from "./enforce/guard.ts";
import { createLiveCalls } from "./enforce/live-calls.ts";
import { compilePolicy, type PolicyCompiler } from "./engine/compile-policy.ts";
import { createControls, type Controls } from "./engine/controls.ts";
import { createEngine, type Engine } from "./engine/engine.ts";
import { createLimits, type Limits } from "./engine/limits.ts";
import { createObserverQueue } from "./engine/observe.ts";
import { createPolicyChanges, type PolicyChanges } from "./engine/policy-changes.ts";
import { createPolicySet } from "./engine/policy-set.ts";
import { createRecorder, type RecordListener } from "./engine/recorder.ts";
import { HookRegistry } from "./hooks/hook-registry.ts";
import type { LintInput } from "./load/lint-plane.ts";
import { parsePolicy } from "./load/parse.ts";
import { createNotifier } from "./notify/notifier.ts";
import { checkOptions, type PlaneOptions } from "./plane-options.ts";
import { createParts } from "./plane-parts.ts";
import { createRegistry } from "./rules/registry.ts";
import type { Approvals } from "./state/approval.ts";
import { checkedState } from "./store/checked-state.ts";
import { memoryState } from "./store/memory-state.ts";
import { createVersions, type Versions } from "./versioning/versions.ts";

/** A store that is up answers within milliseconds. */
const DEFAULT_STATE_TIMEOUT = "2s";

/** The wired object users hold: everything about one governed application. */
export interface AgentPlane {
  readonly engine: Engine;
  /** The enforcement kit; adapters are built on it. */
  readonly guard: Guard;
  /** Customers' own code at hookpoints; it runs before the engine's decision. */
  readonly hooks: HookRegistry;
  readonly controls: Controls;
  readonly approvals: Approvals;
  /** Whether anybody answers questions: where nobody does, what needs a human is blocked and no call ever waits. */
  readonly hasResolver: boolean;
  readonly limits: Limits;
  readonly versions: Versions;
  /** Follows what is recorded. Returns the unsubscription. */
  on<Kind extends AuditRecord["kind"]>(kind: Kind, listener: RecordListener<Kind>): () => void;
  /** What this process had to drop so far; all zero while it keeps up. */
  stats(): { readonly droppedObservations: number };
  /** What is in force now, for `lintPlane`. */
  lintInput(): LintInput;
  /** Settles when plugs and modes were read from the store; until then every call is blocked. At once in memory. */
  ready(): Promise<void>;
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
  const declared = (options.hookpoints ?? []).flatMap((hookpoint) => [hookpoint, afterOf(hookpoint)]);
  const hookpoints = [...new Set([...HOOKPOINTS, ...declared])];
  const observers = createObserverQueue(ports);
  const tools = compileTools(options, ports, hookpoints);
  const canShowInput = options.approvals?.seal !== undefined;
  const set = createPolicySet(
    (policy) => compilePolicy(policy, { registry, tools, canShowInput }),
    options.defaultEffect ?? "allow",
    ports.logger,
  );
  const recorder = createRecorder(options.audit ?? memorySink({ hash: ports.hash }), ports);
  const state =
    options.state === undefined
      ? memoryState({ clock: createSteadyClock(ports.clock) })
      : checkedState(options.state, {
          timers: ports.timers,
          timeoutMs: requireDurationMs(options.stateTimeout ?? DEFAULT_STATE_TIMEOUT),
        });
  const parts = createParts(options, { ports, set, recorder, state, observers, tools });
  const changes = createPolicyChanges({
    set,
    registry,
    hookpoints,
    ports,
    record: parts.recordControl,
  });
  const hooks = new HookRegistry({
    ports,
    hookpoints,
    onRun: ({ hookId, hookpoint, outcome, durationMs }) =>
      parts.recordControl({ action: "hook", by: hookId, subject: hookpoint, data: { outcome, durationMs } }),
  });
  const engine = createEngine(parts, set, { changes, hooks });
  loadCode(options, changes);
  const guard = createGuard({
    point: engine,
    hooks,
    ports,
    scope: parts.scope,
    live: createLiveCalls(engine, ports, parts.settings.holdTtlMs),
    holdTtlMs: parts.settings.holdTtlMs,
    scanner: options.scanner,
    tokenizer: tools.tokenizer,
    identity: { current: options.identity?.current, trust: options.identity?.trust ?? [] },
    waitForAnswer: async (id, signal) => parts.approvals.wait(id, signal),
    nowMs: parts.nowMs,
  });
  const versions = createVersions({
    versions: state.versions,
    planeId: parts.settings.planeId,
    hash: ports.hash,
    nowMs: ports.clock.wallMs,
    record: parts.recordControl,
  });
  const flush = async (): Promise<void> => {
    await observers.flush();
    await recorder.flush();
  };
  return {
    engine,
    guard,
    hooks,
    controls: createControls(parts, set),
    approvals: parts.approvals,
    hasResolver: parts.settings.hasResolver(),
    limits: createLimits(parts, set),
    versions: {
      ...versions,
      // Only what could come into force can be published.
      publish: (policy, note) =>
        versions.publish(parsePolicy(policy, "", { source: "publish", registry, hookpoints }), note),
    },
    on: (kind, listener) => recorder.on(kind, listener),
    stats: () => ({ droppedObservations: observers.droppedCount }),
    lintInput: () => ({
      policies: set.loaded().map(({ policy }) => policy),
      options: { registry, tools: set.tools(), hookpoints, hasResolver: parts.settings.hasResolver() },
    }),
    async ready() {
      await parts.plugboard.load();
      await parts.degradation.load();
    },
    flush,
    async close() {
      guard.close();
      parts.plugboard.close();
      parts.degradation.close();
      try {
        await flush();
      } finally {
        // Also when the last records could not be written: a lock that stays held would stop the next start.
        await recorder.close();
        await state.close();
      }
    },
  };
}

function compileTools(
  options: PlaneOptions,
  ports: Ports,
  hookpoints: readonly string[],
): PolicyCompiler["tools"] {
  return {
    ...ports,
    scanner: options.scanner,
    cel: options.cel,
    prices: options.prices,
    tokenizer: options.tokenizer ?? byteTokenizer,
    metrics: options.metrics,
    hookpoints,
    createNotifier: (target, fail) => createNotifier(target, { ...ports, fail }),
  };
}

function loadCode({ policies, tools }: PlaneOptions, changes: PolicyChanges): void {
  if (policies === undefined && tools === undefined) return;
  changes.replaceAll("code", {
    apiVersion: "agentplane/v1",
    // Null, as of a file that was not read, is no empty list: nothing would be governed.
    policies: policies === undefined ? [] : policies,
    ...(tools !== undefined && { tools }),
  });
}
