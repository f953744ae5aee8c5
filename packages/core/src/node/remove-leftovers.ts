import path from "node:path";

import type { AuditFileSystem } from "./audit-file-system.ts";

/** What was to take the place of a segment, a checkpoint or what was taken off a segment; see `asideOf`. */
const ASIDE = /^audit(?:\.(\d{1,9}))?-\d{6,15}\..+\.[0-9a-f-]{36}\.tmp$/;

/**
 * Removes what a process of a writer left aside when it died before it was put in its place: a copy of a segment would be
 * kept longer than retention says, and each crash leave one more.
 * @param writer Its lock is held: nobody else makes such files.
 */
export function removeLeftovers(
  writer: number,
  directory: string,
  files: Pick<AuditFileSystem, "list" | "remove">,
): void {
  for (const name of files.list(directory)) {
    const [whole, of = "1"] = ASIDE.exec(name) ?? [];
    if (whole !== undefined && Number(of) === writer) files.remove(path.join(directory, name));
  }
}
