import type { Admission, GuardInit } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";
import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import { sessionOf, type Connection } from "../connection/connection.ts";
import { contentOf } from "./handling.ts";
import { judgedMeta, withoutOwnId } from "./judged-self.ts";
import { rewrittenContent } from "./rewritten-content.ts";
import { hasWords } from "./words.ts";

/**
 * An answer as a part of what a call gives: rules see its words where they see that call's result, and nothing is recorded.
 * @param except A member of the result that is judged elsewhere.
 * @returns The answer as they left it, or an error where they would withhold it.
 */
export async function judgedAnswer(
  connection: Connection,
  call: Admission | GuardInit,
  given: Frame,
  except?: string,
): Promise<Frame> {
  const response = await judgedMeta(connection, given);
  const where = "error" in response.message ? "error" : "result";
  const whole = contentIn(response, where);
  const content = except === undefined ? whole : withoutMember(whole, except);
  if (isSilent(content)) return response;
  const shown = await connection.options.plane.guard.preview(call, content);
  if (shown === undefined) return withheldAnswer(response);
  return rewrittenContent(response, [where], { before: content, after: shown.value });
}

/** The other members of an object. */
export function withoutMember(object: JsonRecord, name: string): JsonRecord {
  const { [name]: _member, ...others } = object;
  return others;
}

/** An answer to what no rule is about: it belongs to the session. */
export function judgedInSession(connection: Connection, response: Frame): Promise<Frame> {
  return judgedAnswer(connection, sessionOf(connection), response);
}

export function withheldAnswer({ message }: Frame): Frame {
  return errorFrame(idOf(message) ?? null, {
    code: CODES.blocked,
    message: "The answer must not be shown.",
  });
}

function contentIn({ message }: Frame, where: "result" | "error"): JsonRecord {
  if (where === "result")
    return withoutOwnId(contentOf(recordOf(message["result"]) ?? {}), (id) => id === idOf(message));
  const { code: _code, ...content } = recordOf(message["error"]) ?? {};
  return content;
}

const OF_THE_PROTOCOL = "io.modelcontextprotocol/";

/** Whether it says nothing but what the protocol itself puts beside a result. */
function isSilent({ _meta, ...content }: JsonRecord): boolean {
  const others = Object.entries(recordOf(_meta) ?? {}).filter(([name]) => !name.startsWith(OF_THE_PROTOCOL));
  return !hasWords(content) && !hasWords(Object.fromEntries(others));
}
