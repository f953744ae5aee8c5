import { AgentplaneError } from "../base/errors.ts";
import type { PolicyContext } from "../context/context.ts";
import { conflictOf, ContextMark, markConflict, requireContext } from "../context/context-mark.ts";
import { readContext, type ContextInit } from "../context/create-context.ts";
import {
  claimFields,
  CONTEXT_FIELDS,
  requireKnownFields,
  type KnownFields,
} from "../context/known-fields.ts";
import {
  IDENTITY_FIELDS,
  resolveIdentity,
  type IdentityClaim,
  type IdentitySource,
} from "../context/identity.ts";
import type { Denial } from "../decision/decision-point.ts";
import type { CarriedAdmission } from "../engine/engine-parts.ts";
import type { GuardCore } from "./guard-core.ts";
import { agentInit, besideLineage, withLineage } from "./lineage.ts";

/** What an adapter or user says is happening: its own identity counts first. */
export interface GuardInit extends ContextInit {
  /** What the framework's own context says about who acts; fills gaps only where `identity.trust` lists `framework`. */
  readonly framework?: IdentityClaim | undefined;
  /** The framework's ids of the conversation and the run, where nothing else names any. They contradict nothing. */
  readonly defaults?: Pick<IdentityClaim, "session" | "runId"> | undefined;
}

/** A context that was built before, or what to build one of. */
export type GuardedContext = PolicyContext | GuardInit;

/** A context with the denial that already follows from how it was described. */
export interface Prepared {
  readonly context: PolicyContext;
  readonly denial?: Denial | undefined;
}

/** Builds contexts: who acts is resolved, lineage filled in, content snapshotted. */
export interface ActingContexts {
  /**
   * Builds a context for whoever carries it on; where sources contradict each other it is refused when it is decided.
   * @throws AgentplaneError `content_refused`, `context_invalid`
   */
  build(init: GuardInit): PolicyContext;
  /**
   * Builds the context of a call that Guard decides now. What cannot be read becomes a denial, without its content.
   * @throws AgentplaneError `context_invalid`
   */
  prepare(given: GuardedContext): Prepared;
}

const GUARD_FIELDS: KnownFields = {
  where: "",
  names: new Set([...CONTEXT_FIELDS.names, "framework", "defaults"]),
};
const DEFAULT_FIELDS: KnownFields = { where: "defaults", names: new Set(["session", "runId"]) };
const RUNNING_FIELDS = claimFields("identity.current()");
const FRAMEWORK_FIELDS = claimFields("framework");

interface Named {
  readonly init: ContextInit;
  readonly conflict: string | undefined;
}

/** Wires the builder. */
export function createActingContexts(core: GuardCore): ActingContexts {
  const tellIgnored = createIgnoredTeller(core);
  const contextOf = (init: ContextInit): PolicyContext =>
    ContextMark.isOn(init) ? init : readContext(init, core.nowMs(), GUARD_FIELDS);
  return {
    build(given) {
      requireContext(given);
      if (isPlain(core, given)) return contextOf(given);
      const { init, conflict } = nameWho(core, given, tellIgnored);
      const context = contextOf(init);
      if (conflict !== undefined) markConflict(context, conflict);
      return context;
    },
    prepare(given) {
      requireContext(given);
      if (isPlain(core, given)) return readable(given, contextOf);
      const { init, conflict } = nameWho(core, given, tellIgnored);
      const prepared = readable(init, contextOf);
      if (conflict === undefined) return prepared;
      return {
        context: prepared.context,
        denial: { cause: "identity_conflict", reason: conflict, message: UNCLEAR },
      };
    },
  };
}

/** Whether a description is all there is: nothing runs around it, and nobody else says who acts. */
function isPlain({ scope, identity }: GuardCore, given: GuardInit): boolean {
  return (
    scope.current() === undefined &&
    identity.current === undefined &&
    given.framework === undefined &&
    given.defaults === undefined &&
    (!ContextMark.isOn(given) || conflictOf(given) === undefined)
  );
}

type IgnoredTeller = (source: IdentitySource, resolved: IdentityClaim) => void;

/** An identity that is not believed is missed somewhere else, where nobody would look for it. Told once each. */
function createIgnoredTeller({ ports }: GuardCore): IgnoredTeller {
  const told = new Set<string>();
  return ({ name, identity }, resolved) => {
    for (const field of IDENTITY_FIELDS) {
      const key = `${name} ${field}`;
      if (identity[field] === undefined || resolved[field] !== undefined || told.has(key)) continue;
      told.add(key);
      ports.logger.warn(
        `${wordsOf(name)} names a ${field} that is not used: to trust it, set identity: { trust: ["${name}"] }`,
      );
    }
  };
}

/** Resolves who acts, then where in the tree of agents. */
function nameWho(core: GuardCore, given: GuardedContext, tellIgnored: IgnoredTeller): Named {
  const parent = core.scope.current();
  const placed = (init: GuardInit): ContextInit => withLineage(withDefaults(init), parent);
  const later = laterSources(core, given, parent);
  if (later.length === 0) return { init: placed(given), conflict: conflictIn(given) };
  const own = { name: "option", identity: ownClaim(given, parent) };
  const resolved = resolveIdentity([own, ...later], core.identity.trust);
  if ("conflict" in resolved) {
    const { field, sources } = resolved.conflict;
    return { init: placed(given), conflict: conflictReason(field, sources) };
  }
  for (const source of later) tellIgnored(source, resolved.identity);
  return { init: placed(actingAs(given, resolved.identity)), conflict: conflictIn(given) };
}

const NO_SOURCES: readonly IdentitySource[] = Object.freeze([]);
const UNCLEAR =
  "This call was refused because it is unclear for whom it is made. Do not retry; end the task.";
const SOURCE_WORDS: Readonly<Record<string, string>> = {
  option: "the call",
  async: "the asynchronous identity",
  framework: "the framework's context",
};

function wordsOf(source: string): string {
  return SOURCE_WORDS[source] ?? source;
}

function conflictReason(field: string, [first, second]: readonly [string, string]): string {
  return `${wordsOf(second)} names another ${field} than ${wordsOf(first)}; no source may contradict an earlier one`;
}

function conflictIn(given: GuardedContext): string | undefined {
  return ContextMark.isOn(given) ? conflictOf(given) : undefined;
}

function laterSources(
  { identity }: GuardCore,
  given: GuardInit,
  parent: CarriedAdmission | undefined,
): readonly IdentitySource[] {
  const running = identity.current?.();
  const { framework } = given;
  if (running === undefined && framework === undefined) return NO_SOURCES;
  const sources: IdentitySource[] = [];
  if (running !== undefined) {
    requireKnownFields(running, RUNNING_FIELDS);
    sources.push({ name: "async", identity: besideLineage(running, parent) });
  }
  if (framework !== undefined) {
    requireKnownFields(framework, FRAMEWORK_FIELDS);
    sources.push({ name: "framework", identity: besideLineage(framework, parent) });
  }
  return sources;
}

function ownClaim(given: GuardInit, parent: CarriedAdmission | undefined): IdentityClaim {
  const { tenant, user, session } = given;
  const { id, runId, ancestors } = agentInit(given.agent);
  // Inside a governed call run and ancestors follow from that call.
  if (parent !== undefined) return { agent: id, tenant, user, session };
  // A context that is built always has a list; an empty one says nothing then.
  const isSaid = ancestors !== undefined && (ancestors.length > 0 || !ContextMark.isOn(given));
  return { agent: id, tenant, user, session, runId, ancestors: isSaid ? ancestors : undefined };
}

function actingAs(
  given: GuardInit,
  { agent, tenant, user, session, runId, ancestors }: IdentityClaim,
): GuardInit {
  const own = agentInit(given.agent);
  return {
    ...given,
    agent: { ...own, id: agent ?? own.id, runId: runId ?? own.runId, ancestors: ancestors ?? own.ancestors },
    tenant,
    user,
    session,
  };
}

function withDefaults(given: GuardInit): GuardInit {
  const { defaults } = given;
  if (defaults === undefined) return given;
  const agent = agentInit(given.agent);
  requireKnownFields(defaults, DEFAULT_FIELDS);
  return {
    ...given,
    agent: { ...agent, runId: agent.runId ?? defaults.runId },
    session: given.session ?? defaults.session,
  };
}

function readable(init: ContextInit, contextOf: (init: ContextInit) => PolicyContext): Prepared {
  try {
    return { context: contextOf(init), denial: undefined };
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "content_refused") throw error;
    return {
      context: contextOf(withoutContent(init)),
      denial: { cause: "content_refused", reason: error.message },
    };
  }
}

/** Who, where and on what, without anything that could be unreadable: enough for the record of a refusal. */
function withoutContent({ tool, model, target, result: _result, ...rest }: ContextInit): ContextInit {
  return {
    ...rest,
    ...(tool !== undefined && { tool: typeof tool === "string" ? tool : { ...tool, input: undefined } }),
    ...(model !== undefined && { model: { ...model, messages: undefined } }),
    ...(target !== undefined && { target: { ...target, input: undefined } }),
  };
}
