import type { GuardInit } from "@agentplane/core";

import { itemsIn, rewritten, withMembers, without, type Frame, type Member } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { besideEachOther, inPieces } from "../judge/beside-each-other.ts";
import type { Connection } from "../connection/connection.ts";
import { contentOf } from "../judge/handling.ts";
import { judgedAnswer, judgedInSession, withoutMember } from "../judge/judged-answer.ts";
import { LONGEST_NAME, promptName, resourceName } from "../judge/target-name.ts";
import { pagesOf } from "./list-pages.ts";
import { judgedItems } from "./listed-words.ts";

/** A list of the protocol: where its items are, and whether one may be seen. */
interface ListKind {
  readonly member: string;
  readonly visible: (connection: Connection, items: readonly JsonRecord[]) => Promise<readonly JsonRecord[]>;
}

/** The lists that are filtered, by method. */
const LISTS: Readonly<Record<string, ListKind | undefined>> = {
  "tools/list": { member: "tools", visible: visibleTools },
  "resources/list": {
    member: "resources",
    visible: (connection, items) => visibleTargets(connection, items, "before_resource_read", "uri"),
  },
  "resources/templates/list": {
    member: "resourceTemplates",
    visible: (connection, items) => visibleTargets(connection, items, "before_resource_read", "uriTemplate"),
  },
  "prompts/list": {
    member: "prompts",
    visible: (connection, items) => visibleTargets(connection, items, "before_prompt_get", "name"),
  },
};

/** Whether a method lists something that policies may hide. */
export function isList(method: string): boolean {
  return Object.hasOwn(LISTS, method);
}

/**
 * Answers a list with what may be seen, and of that what may be said. It is filtered before it is paged: where something is
 * hidden, a client that begins gets one full page of all that is left instead of pages with gaps. One that goes on, since
 * less was hidden when it began, must find the rest.
 */
export async function filteredList(connection: Connection, frame: Frame, method: string): Promise<Frame> {
  const kind = LISTS[method];
  if (kind === undefined) throw new TypeError(`${method} is no list`);
  const first = await judgedBeside(connection, await connection.askServer(frame), kind);
  const result = recordOf(first.message["result"]);
  if (result === undefined) return judgedInSession(connection, first);
  const page = itemsOf(result, kind);
  const visible = await kind.visible(connection, page);
  const shown = await judgedItems(connection, visible);
  const isWhole = visible.length === page.length && hasItemsAlone(result, kind);
  const isFirst = recordOf(frame.message["params"])?.["cursor"] === undefined;
  if (isFirst && textOf(result["nextCursor"]) !== undefined) {
    const params = recordOf(frame.message["params"]) ?? {};
    const rest = await pagesOf(connection, { method, params, cursor: result["nextCursor"] });
    const others = rest.flatMap((one) => itemsOf(recordOf(one.message["result"]) ?? {}, kind));
    const visibleOthers = await kind.visible(connection, others);
    // Where nothing is hidden on any page, the server's own paging is kept.
    if (!isWhole || visibleOthers.length < others.length) {
      const all = [...shown, ...(await judgedItems(connection, visibleOthers))];
      return withItems(first, { kind, shown: all, result, pages: [first, ...rest] });
    }
  }
  if (isWhole && shown.every((item, at) => item === page[at])) return withFreshness(first, result, false);
  return withItems(first, { kind, shown, result, pages: [first], isPage: true });
}

/** What a list says beside its items, as rules leave it that see their words; what they would withhold is not there. */
async function judgedBeside(connection: Connection, answer: Frame, { member }: ListKind): Promise<Frame> {
  const result = recordOf(answer.message["result"]);
  if (result === undefined) return answer;
  const context: GuardInit = { hookpoint: "before_tool_list", ...connection.acting };
  const judged = await judgedAnswer(connection, context, answer, member);
  if ("result" in judged.message) return judged;
  connection.log(`what a list says beside its ${member} was withheld`);
  return without(answer, ["result"], Object.keys(withoutMember(contentOf(result), member)));
}

/** Whether what is given is a list of items, or nothing: a careless client could take anything for one. */
function hasItemsAlone(result: JsonRecord, { member }: ListKind): boolean {
  const { [member]: given } = result;
  return given === undefined || (Array.isArray(given) && given.every((item) => recordOf(item) !== undefined));
}

function itemsOf(result: JsonRecord, { member }: ListKind): readonly JsonRecord[] {
  return listOf(result[member])
    .map((item) => recordOf(item))
    .filter((item) => item !== undefined);
}

/** What is filtered for one client is no one else's, and may be another thing with the next policy. */
function withFreshness(frame: Frame, result: JsonRecord, isFiltered: boolean): Frame {
  if (!isFiltered && result["cacheScope"] === undefined && result["ttlMs"] === undefined) return frame;
  const changes = [
    ...(result["cacheScope"] === undefined ? [] : [{ path: ["result", "cacheScope"], value: "private" }]),
    ...(result["ttlMs"] === undefined ? [] : [{ path: ["result", "ttlMs"], value: 0 }]),
  ];
  return changes.length === 0 ? frame : rewritten(frame, changes);
}

interface Filtered {
  readonly kind: ListKind;
  readonly shown: readonly JsonRecord[];
  readonly result: JsonRecord;
  /** Where the items come from. */
  readonly pages: readonly Frame[];
  /** Whether the others follow on the server's next page. Default: these are all. */
  readonly isPage?: boolean;
}

function withItems(first: Frame, { kind, shown, result, pages, isPage = false }: Filtered): Frame {
  const written = new Map(pages.flatMap((page) => sourcesIn(page, kind)));
  // What nothing was changed in stays as it is written, whatever its numbers say.
  const items = shown.map((item) => written.get(item) ?? JSON.stringify(item));
  const kept = Object.keys(result).filter(
    (name) => name !== kind.member && (isPage || name !== "nextCursor"),
  );
  const members: Member[] = kept.map((name) => ({ name, from: name }));
  members.push({ name: kind.member, json: `[${items.join(",")}]` });
  return withFreshness(withMembers(first, ["result"], members), result, true);
}

/** Each item of a page, and how it is written. */
function sourcesIn(page: Frame, { member }: ListKind): readonly (readonly [unknown, string])[] {
  const written = itemsIn(page, ["result", member]);
  return listOf(recordOf(page.message["result"])?.[member]).map((item, at) => [item, written[at] ?? ""]);
}

async function visibleTools(
  connection: Connection,
  items: readonly JsonRecord[],
): Promise<readonly JsonRecord[]> {
  const { options, acting, lasting } = connection;
  const named = items.map((item) => ({ name: textOf(item["name"]) ?? "", server: options.server, item }));
  for (const { name } of named) lasting.toolNames.add(name);
  const context: GuardInit = { hookpoint: "before_agent", ...acting };
  const visible = await besideEachOther(inPieces(named), (piece) =>
    options.plane.guard.visibleTools(piece, context),
  );
  return visible.flat().map(({ item }) => item);
}

/** Whatever its server may take it for is asked for by that name as well: a list shows what could be had. */
async function visibleTargets(
  connection: Connection,
  items: readonly JsonRecord[],
  hookpoint: "before_resource_read" | "before_prompt_get",
  member: string,
): Promise<readonly JsonRecord[]> {
  const { options, acting } = connection;
  const nameOf = hookpoint === "before_resource_read" ? resourceName : promptName;
  const decisions = await besideEachOther(items, async (item) => {
    const name = await nameOf(connection, (textOf(item[member]) ?? "").slice(0, LONGEST_NAME));
    return options.plane.guard.peek({ hookpoint, ...acting, target: { name, server: options.server } });
  });
  return items.filter((_item, at) => decisions[at]?.effect !== "block");
}
