import type { GuardInit } from "@agentplane/core";

import type { GovernedPlane } from "../call/plane.ts";
import type { Dialect, UnseenTools } from "../protocol/dialect.ts";
import type { JsonRecord } from "../protocol/json.ts";
import type { UnaskedServer } from "../protocol/unasked-servers.ts";
import type { Refusal } from "../call/refusal.ts";

// A call on a remote MCP server that runs without asking cannot be decided: nobody sees it before it has happened. So
// where the plane would have something to say about it, the server has to ask.

/** What becomes of calls on remote MCP servers that a request lets run without asking. */
export type UnaskedCalls = "judge" | "ask" | "refuse" | "leave";
export const UNASKED_CALLS: readonly UnaskedCalls[] = ["judge", "ask", "refuse", "leave"];

/** A request whose body may have changed, or why it must not be sent. */
export type Asked =
  | { readonly body: JsonRecord; readonly refusal?: undefined }
  | { readonly refusal: Refusal; readonly body?: undefined };

/**
 * Makes remote MCP servers ask for what the plane would have something to say about.
 * @returns The same body where nothing has to be asked for; or why the request is refused.
 */
export function askedFor(plane: ServersPlane, request: AskedRequest): Asked | Promise<Asked> {
  const { dialect, body, how } = request;
  const servers = how === "leave" ? [] : (dialect.unaskedServers?.(body) ?? []);
  return servers.length === 0 ? { body } : askedOf(plane, request, servers);
}

async function askedOf(
  plane: ServersPlane,
  { dialect, body, acting, how }: AskedRequest,
  servers: readonly UnaskedServer[],
): Promise<Asked> {
  const asking = new Set<string>();
  for (const { server, names } of servers) {
    for (const name of names ?? [undefined]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other; a peek awaits only what a store makes it
      if (how !== "ask" && !(await isSpokenOf(plane, acting, { server, name }))) continue;
      if (how === "refuse") return { refusal: { message: refusedBecause(server, name) } };
      asking.add(keyOf(server, name));
    }
  }
  if (asking.size === 0 || dialect.withAsking === undefined) return { body };
  return { body: dialect.withAsking(body, (server, name) => asking.has(keyOf(server, name))) };
}

/**
 * Why a request must not be sent: it lets tools run unseen that policies concern, and nothing can make them ask.
 * @param request As it would be sent: without the tools that may not be offered.
 */
export function unseenRefusal(
  plane: ServersPlane,
  request: UnseenRequest,
): Refusal | undefined | Promise<Refusal | undefined> {
  const unseen = request.how === "leave" ? [] : (request.dialect.unseenServers?.(request.body) ?? []);
  return unseen.length === 0 ? undefined : firstRefusal(plane, request, unseen);
}

async function firstRefusal(
  plane: ServersPlane,
  { acting, how }: UnseenRequest,
  unseen: readonly UnseenTools[],
): Promise<Refusal | undefined> {
  for (const { server, names, source, instead } of unseen) {
    for (const name of names ?? [undefined]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other; a peek awaits only what a store makes it
      if (how !== "ask" && !(await isSpokenOf(plane, acting, { server, name }))) continue;
      const what = name === undefined ? "tools" : `"${name}"`;
      return {
        message:
          `The request was refused: ${source} lets ${what} run at the provider, where no policy sees the call. ` +
          `${instead}.`,
      };
    }
  }
  return undefined;
}

interface UnseenRequest extends Omit<AskedRequest, "dialect"> {
  readonly dialect: Pick<Dialect, "unseenServers">;
}

type ServersPlane = Pick<GovernedPlane, "guard" | "engine" | "hooks">;
/** Who would make the calls. */
type Caller = Omit<GuardInit, "hookpoint" | "tool">;

interface AskedRequest {
  readonly dialect: Pick<Dialect, "unaskedServers" | "withAsking">;
  readonly body: JsonRecord;
  readonly acting: Caller;
  readonly how: UnaskedCalls;
}

/** A name that no tool has: for what concerns every tool of a server. */
const ANY = "*";

/** Whether a policy or a hook concerns the call, even if only to count it. Without a name: whether one could. */
async function isSpokenOf(
  { guard, engine, hooks }: ServersPlane,
  acting: Caller,
  { server, name }: { readonly server: string | undefined; readonly name: string | undefined },
): Promise<boolean> {
  const tool = { name: name ?? ANY, ...(server !== undefined && { server }) };
  const call = { hookpoint: "before_tool_call" as const, ...acting, tool };
  const { effect, cause } = await guard.peek(call);
  if (effect !== "allow" || cause !== "no_policy") return true;
  const caller = guard.context(call);
  if (name === undefined) return engine.couldConcern(caller, server);
  const names = server === undefined ? [name] : [name, `${server}/${name}`];
  return hooks.couldRunAt(call.hookpoint, caller, (prefix) => names.some((one) => one.startsWith(prefix)));
}

function keyOf(server: string, name: string | undefined): string {
  return JSON.stringify([server, name ?? null]);
}

function refusedBecause(server: string, name: string | undefined): string {
  const what = name === undefined ? `tools of the remote MCP server "${server}"` : `"${server}/${name}"`;
  return (
    `The request was refused: it lets ${what} run without asking, where no policy sees the call. ` +
    `Set require_approval to "always", or name in allowed_tools only what no policy concerns.`
  );
}
