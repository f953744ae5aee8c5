import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import type { Connection } from "./connection.ts";

/** No list has more pages: one that has is going round in a circle. */
const MAX_PAGES = 1_000;

/** Gets the pages of a list from a cursor on. A page that cannot be got ends the list: what is not seen is not offered. */
export async function pagesOf(
  connection: Connection,
  {
    method,
    params,
    cursor,
  }: { readonly method: string; readonly params: JsonRecord; readonly cursor: unknown },
): Promise<readonly JsonRecord[]> {
  const pages: JsonRecord[] = [];
  const seen = new Set<string>();
  for (let next = textOf(cursor); next !== undefined && !seen.has(next) && pages.length < MAX_PAGES;) {
    seen.add(next);
    // oxlint-disable-next-line no-await-in-loop -- each page names the next
    const { message } = await connection.query(method, { ...params, cursor: next });
    const page = recordOf(message["result"]);
    if (page === undefined) break;
    pages.push(page);
    next = textOf(page["nextCursor"]);
  }
  return pages;
}
