import { closeSync, openSync, statSync } from "node:fs";

import { hasCode } from "./system-error.ts";
import { unusableFile } from "./sqlite-failure.ts";

/** The file of the state, its write-ahead log, and the index of that, which holds the locks: see wal.html of SQLite. */
const ENDINGS = ["", "-wal", "-shm"] as const;

/**
 * The files of an open state, told from others that were put in their place: whoever has them open goes on with what
 * nobody else sees any more, and a budget would be spent once in each.
 */
export class SqliteFiles {
  readonly #path: string;
  readonly #opened = new Map<string, string | undefined>();

  /** Makes the file where it is missing; to be asked for before it is opened. */
  constructor(path: string) {
    this.#path = path;
    makePrivate(path);
    this.#opened.set("", identityOf(path));
  }

  /** Once the log is in use: as long as a connection is open, SQLite neither removes nor renames it. */
  noteLog(): void {
    for (const ending of ENDINGS)
      if (!this.#opened.has(ending)) this.#opened.set(ending, identityOf(this.#path + ending));
  }

  /** @throws AgentplaneError `state_failed`, reason `replaced` */
  check(): void {
    for (const [ending, opened] of this.#opened) {
      const path = this.#path + ending;
      if (opened === identityOf(path)) continue;
      const hint = `${path} was replaced or removed while it was in use; start this process again with the file that is to count`;
      throw unusableFile(this.#path, "replaced", hint);
    }
  }
}

/** So that it is private from its first moment; its write-ahead log gets the same mode. */
function makePrivate(path: string): void {
  try {
    // One that exists is not opened: to close it again would give up every lock that this process has on it.
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}

/** The same for every name of one file, and another for another; undefined where there is none. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}
