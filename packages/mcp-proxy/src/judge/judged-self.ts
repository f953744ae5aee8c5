import { rewritten, without, type Frame } from "../frame/frame.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";
import { idOf } from "../frame/rpc.ts";
import { sessionOf, type Connection } from "../connection/connection.ts";
import { contentOf } from "./handling.ts";
import { rewrittenContent } from "./rewritten-content.ts";
import { hasWords } from "./words.ts";

/** Judged by themselves: as a prompt, and as what stands beside any result. */
const ELSEWHERE: ReadonlySet<string> = new Set(["instructions", "_meta"]);
/** Revisions of the protocol are dates. */
const VERSION = /^\d{4}-\d{2}-\d{2}$/;
const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

/**
 * What a server says of itself in a handshake, member by member. What rules would withhold is not said, and the session
 * begins all the same: under the name that policies know the server by, and without what it offers in words.
 */
export async function judgedSelf(connection: Connection, response: Frame): Promise<Frame> {
  let frame = response;
  for (const [member, value] of Object.entries(contentOf(recordOf(response.message["result"]) ?? {}))) {
    const before = { [member]: value };
    if (ELSEWHERE.has(member) || !hasWords(before) || isVersions(value)) continue;
    // oxlint-disable-next-line no-await-in-loop -- what one rewrites the next must keep
    const after = await shownOf(connection, before);
    frame =
      after === undefined
        ? withoutWords(connection, frame, member)
        : rewrittenContent(frame, ["result"], { before, after });
  }
  return judgedMeta(connection, frame);
}

/**
 * What the protocol itself puts beside a result, as who the server is: where rules would withhold it nothing else is
 * withheld, since it stands beside nearly every result of 2026-07-28.
 */
export async function judgedMeta(connection: Connection, response: Frame): Promise<Frame> {
  const { _meta } = recordOf(response.message["result"]) ?? {};
  const before = withoutOwnId({ _meta }, (id) => id === idOf(response.message));
  if (!hasWords(before)) return response;
  const after = await shownOf(connection, before);
  if (after !== undefined) return rewrittenContent(response, ["result"], { before, after });
  connection.log("what the server says of itself beside a result was withheld");
  return without(response, ["result", "_meta"], Object.keys(recordOf(before["_meta"]) ?? {}));
}

/**
 * Content without the id by which a client knows what a message belongs to: a request's own id says nothing new, and the
 * client could not tell its subscription without it.
 */
export function withoutOwnId(content: JsonRecord, isOwn: (id: unknown) => boolean): JsonRecord {
  const meta = recordOf(content["_meta"]);
  if (meta === undefined || !isOwn(meta[SUBSCRIPTION])) return content;
  const { [SUBSCRIPTION]: _own, ...others } = meta;
  return { ...content, _meta: others };
}

/** As rules leave it that see the session's words and what lists say: a model or a person reads it as a description. */
async function shownOf(connection: Connection, value: JsonRecord): Promise<JsonRecord | undefined> {
  const { options, acting } = connection;
  const { guard } = options.plane;
  const shown = await guard.preview(sessionOf(connection), value);
  if (shown === undefined) return undefined;
  return (await guard.preview({ hookpoint: "before_tool_list", ...acting }, shown.value))?.value;
}

function withoutWords({ options, log }: Connection, frame: Frame, member: string): Frame {
  log(`the ${member} that the server says of itself was withheld`);
  switch (member) {
    case "serverInfo":
      return rewritten(frame, [
        { path: ["result", member], value: { name: options.server, version: "unknown" } },
      ]);
    case "capabilities":
      return without(frame, ["result", member], wordyIn(recordOf(frame.message["result"])?.[member]));
    default:
      return without(frame, ["result"], [member]);
  }
}

/** What of the capabilities holds words; those of the protocol alone say only what they are. */
function wordyIn(capabilities: unknown): readonly string[] {
  const all: JsonRecord = recordOf(capabilities) ?? {};
  return Object.keys(all).filter((name) => hasWords(all[name]));
}

function isVersions(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isVersions) : typeof value === "string" && VERSION.test(value);
}
