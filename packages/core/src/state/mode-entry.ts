import { canonicalJson } from "../base/canonical-json.ts";
import { suggest } from "../base/did-you-mean.ts";
import { DURATION_HINT, parseDurationMs } from "../base/duration.ts";
import { ConfigError, type ConfigIssue } from "../base/errors.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import type { LimitSubjects } from "../policy/limit.ts";
import { headroomIn, MODE_SCOPES, MODES, type DegradeSpec } from "../policy/mode.ts";

/**
 * Whom a mode concerns. An agent includes its descendants; an agent or session without a tenant is meant in every
 * tenant, with tenant `null` only in contexts that have none; a tenant or session without an id is the one of contexts
 * that have none.
 */
export interface ModeScope {
  readonly kind: (typeof MODE_SCOPES)[number];
  readonly id?: string;
  readonly tenant?: string | null;
}

/** A mode to be set: by whom, for whom and why. */
export interface ModeChange {
  readonly scope: ModeScope;
  readonly degrade: DegradeSpec;
  /** For people. */
  readonly cause: string;
  readonly by: string;
  /** Whose call led to it: a recovery by headroom asks about their share of the limit. */
  readonly whose?: LimitSubjects | undefined;
}

/** A mode in force. Several hold at once and each recovers alone. */
export interface ModeEntry extends ModeChange {
  /** The same for the same scope, mode, recovery and setter: setting it again renews it. */
  readonly id: string;
  /** Epoch ms of the last time it was set. */
  readonly at: number;
  /** When it ends by itself; absent for `manual` and `headroom`. */
  readonly untilMs?: number;
}

/**
 * The entry of a change that is set now.
 * @throws ConfigError for an unknown mode, scope or duration: nothing is ignored in silence
 */
export function createModeEntry(change: ModeChange, nowMs: number): ModeEntry {
  const issues = issuesOf(change);
  if (issues.length > 0) throw new ConfigError("mode", issues);
  const { degrade, cause, by, whose } = change;
  const scope = normalScope(change.scope);
  const id = tupleKey([scope.kind, tenantKey(scope), scope.id, canonicalJson(degrade), by]);
  const isAsked = whose !== undefined && headroomIn(degrade) !== undefined;
  return renewed({ id, scope, degrade, cause, by, at: nowMs, ...(isAsked && { whose }) }, nowMs);
}

/** Every tenant, no tenant and a tenant of whatever name are three different scopes. */
function tenantKey({ tenant }: ModeScope): string | undefined {
  return tenant === undefined ? undefined : tenant === null ? "none" : `tenant:${tenant}`;
}

/** The same entry, its time counted anew. */
export function renewed(entry: ModeEntry, nowMs: number): ModeEntry {
  const lastingMs = lastingMsOf(entry.degrade);
  return Object.freeze({
    ...entry,
    at: nowMs,
    ...(lastingMs !== undefined && { untilMs: nowMs + lastingMs }),
  });
}

/** Whether a quiet time, not a fixed one, ends this mode. */
export function isQuietRecovery({ degrade: { recover } }: ModeEntry): boolean {
  return typeof recover === "object" && "when" in recover && "quietFor" in recover.when;
}

/** Whether a scope found by its id is also meant in this context's tenant. */
export function isScopeIn({ kind, tenant }: ModeScope, context: PolicyContext): boolean {
  return (
    kind === "global" || kind === "tenant" || tenant === undefined || tenant === (context.tenant ?? null)
  );
}

/** Whether recovering one scope ends the modes of another: a scope without a tenant covers all tenants. */
export function isScopeCovered(entry: ModeScope, given: ModeScope): boolean {
  const by = normalScope(given);
  return (
    entry.kind === by.kind && entry.id === by.id && (by.tenant === undefined || by.tenant === entry.tenant)
  );
}

function normalScope({ kind, id, tenant }: ModeScope): ModeScope {
  return {
    kind,
    ...(kind !== "global" && id !== undefined && { id: id.normalize("NFC") }),
    // A tenant is its own id, and everything has no tenant: a second name for one scope would be a second scope.
    ...((kind === "agent" || kind === "session") &&
      tenant !== undefined && { tenant: tenant === null ? null : tenant.normalize("NFC") }),
  };
}

function lastingMsOf({ recover }: DegradeSpec): number | undefined {
  if (recover === undefined || recover === "manual") return undefined;
  if ("after" in recover) return parseDurationMs(recover.after);
  return "quietFor" in recover.when ? parseDurationMs(recover.when.quietFor) : undefined;
}

function issuesOf({ scope, degrade, by }: ModeChange): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  if (!MODES.includes(degrade.mode)) {
    issues.push({
      path: "mode",
      message: `"${degrade.mode}" is not a mode`,
      suggestion: suggest(degrade.mode, MODES),
    });
  }
  if (!MODE_SCOPES.includes(scope.kind)) {
    issues.push({
      path: "scope",
      message: `"${scope.kind}" is not a scope`,
      suggestion: "use agent, tenant, session or global",
    });
  }
  if (scope.kind === "agent" && (scope.id === undefined || scope.id === "")) {
    issues.push({
      path: "scope.id",
      message: "an agent needs an id",
      suggestion: 'use kind: "global" for every agent',
    });
  }
  const { recover, delay, perMinute } = degrade;
  if (
    typeof recover === "object" &&
    "when" in recover &&
    "headroom" in recover.when &&
    !by.startsWith("policy:")
  ) {
    issues.push({
      path: "recover.when.headroom",
      message: "names a limit of the policy that sets the mode, and no policy sets this one",
      suggestion: "use after, quietFor or manual",
    });
  }
  const isTimed = typeof recover === "object" && ("after" in recover || "quietFor" in recover.when);
  if (isTimed && lastingMsOf(degrade) === undefined) {
    issues.push({
      path: "recover",
      message: "the time of recovery is not a duration",
      suggestion: DURATION_HINT,
    });
  }
  if (delay !== undefined && parseDurationMs(delay.max) === undefined) {
    issues.push({
      path: "delay.max",
      message: `"${delay.max}" is not a duration`,
      suggestion: DURATION_HINT,
    });
  }
  if (perMinute !== undefined && (!Number.isSafeInteger(perMinute) || perMinute < 1)) {
    issues.push({ path: "perMinute", message: `${perMinute} is not a whole number from 1` });
  }
  return issues;
}
