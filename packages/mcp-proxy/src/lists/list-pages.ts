import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";

/** No list has more pages, and none is longer: all of it is held at once. */
const MAX_PAGES = 1_000;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Gets the pages of a list from a cursor on. A page that cannot be got ends the list: what is not seen is not offered.
 * @throws NoAnswer where the list does not end: it goes round in a circle, or is longer than any list
 */
export async function pagesOf(
  connection: Connection,
  {
    method,
    params,
    cursor,
  }: { readonly method: string; readonly params: JsonRecord; readonly cursor: unknown },
): Promise<readonly Frame[]> {
  const pages: Frame[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  for (let next = textOf(cursor); next !== undefined;) {
    if (seen.has(next)) throw endless(method, "a page names one before it as its next");
    if (pages.length >= MAX_PAGES) throw endless(method, `it has more than ${MAX_PAGES} pages`);
    seen.add(next);
    // oxlint-disable-next-line no-await-in-loop -- each page names the next
    const frame = await connection.query(method, { ...params, cursor: next });
    bytes += frame.raw.length;
    if (bytes > MAX_BYTES) throw endless(method, `it is longer than ${MAX_BYTES} bytes`);
    const page = recordOf(frame.message["result"]);
    if (page === undefined) break;
    pages.push(frame);
    next = textOf(page["nextCursor"]);
  }
  return pages;
}

function endless(method: string, why: string): NoAnswer {
  return new NoAnswer(`the server's ${method} does not end: ${why}; nothing of it was passed on`);
}
