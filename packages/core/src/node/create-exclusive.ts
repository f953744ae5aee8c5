import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { dirname } from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import { codeOf, hasCode } from "./system-error.ts";

/** What FAT and exFAT, shares, and file systems in user space answer that know no second name of a file. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/**
 * A name beside a file, for what is to take its place in one step: a name of its own, for on a shared volume the id of a
 * process may be that of another one, in another container.
 */
export function asideOf(path: string): string {
  return `${path}.${randomUUID()}.tmp`;
}

/**
 * Creates a file that must not exist yet: written aside and linked into place, so that nobody ever reads half of it and of
 * two processes one makes it.
 * @param link Gives a file a second name; for tests.
 * @returns Whether it was made; false where it exists.
 * @throws AgentplaneError `audit_failed` on a file system without hard links
 */
export function createExclusive(
  path: string,
  content: string | Uint8Array,
  { mode, link = fs.linkSync }: { readonly mode: number; readonly link?: typeof fs.linkSync },
): boolean {
  const aside = asideOf(path);
  // On the disk before its name may be: a loss of power would leave an empty file, which is there and says nothing.
  fs.writeFileSync(aside, content, { mode, flush: true });
  try {
    link(aside, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    if (NO_LINKS.has(codeOf(error))) throw withoutLinks(path, error);
    throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function withoutLinks(path: string, cause: unknown): AgentplaneError {
  const directory = dirname(path);
  const code = codeOf(cause);
  const message =
    `the file system of ${directory} has no hard links (${code}), by which the processes that write there tell ` +
    "themselves apart; put the directory on one that has, such as a local disk";
  return new AgentplaneError("audit_failed", message, { data: { directory, code }, cause });
}
