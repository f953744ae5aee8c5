import type { PolicyContext } from "../context/context.ts";
import type { HookRegistry } from "../hooks/hook-registry.ts";
import type { PlugEntry } from "../state/plugboard.ts";
import type { CompiledEntry, CompiledPolicy } from "./compiled-policy.ts";

/** What may stop a call. */
export interface InForceNow {
  readonly concern: Concern;
  readonly policies: readonly CompiledPolicy[];
  readonly plugs: readonly PlugEntry[];
  readonly hooks: Pick<HookRegistry, "couldRunAt">;
}

/** Which rules count: all, or those alone that could stop a call or ask about it. */
export type Concern = "any" | "deciding";

/**
 * Whether a policy, a plug or a hook could have a say in a call of some tool of a server, where nobody knows the names of its
 * tools: one whose tools are written for another server could not, one that names a tool without a server could. Users
 * and tags are not compared, so a yes may be wrong and a no is not. O(policies).
 * @param caller Who would call.
 * @param server As tools name it; undefined where not even that is known.
 */
export function couldConcern(
  caller: PolicyContext,
  server: string | undefined,
  { policies, plugs, hooks, concern }: InForceNow,
): boolean {
  const { agent, tenant } = caller;
  const isOfServer = (prefix: string): boolean =>
    server === undefined || !prefix.includes("/") || prefix.startsWith(`${server}/`);
  return (
    // Code: what it would say of a call is not known without the call.
    hooks.couldRunAt("before_tool_call", caller, isOfServer) ||
    plugs.some(
      ({ subject }) =>
        subject.kind === "tool" &&
        (subject.tenant === undefined || subject.tenant === tenant) &&
        isOfServer(subject.id),
    ) ||
    policies.some(
      ({ isShadow, entries, selector: { agents, tenants, tools, hookpoints } }) =>
        !isShadow &&
        entries.some((entry) => isAsked(entry, concern)) &&
        hookpoints?.matches("before_tool_call") !== false &&
        tenants?.matches(tenant) !== false &&
        agents?.matches(agent.id) !== false &&
        tools?.prefixes.some(isOfServer) !== false,
    )
  );
}

/** Rules of model calls are not asked about tools. */
function isAsked({ hookpoints, check }: CompiledEntry, concern: Concern): boolean {
  return hookpoints?.has("before_tool_call") !== false && (concern === "any" || check !== undefined);
}
