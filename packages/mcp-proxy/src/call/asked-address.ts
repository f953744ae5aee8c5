import type { JsonRecord } from "../frame/json.ts";
import { NoAnswer } from "../connection/connection.ts";

/** What a browser opens as a page. Anything else would run in the client, or open what lies on the user's machine. */
const PAGES = new Set(["https:", "http:"]);

/** Whether an elicitation would send the user to what is no page, read as browsers read it. */
export function isNoPage({ url }: JsonRecord): boolean {
  if (url === undefined) return false;
  return typeof url !== "string" || !URL.canParse(url) || !PAGES.has(new URL(url).protocol);
}

/** Nobody is asked, and so nobody answers. */
export class NoPage extends NoAnswer {
  constructor() {
    super("the server wanted to send the user to an address that is neither http nor https");
  }
}
