import { randomBytes } from "node:crypto";
import path from "node:path";

import { AgentplaneError } from "../base/errors.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import type { TrustedCheckpoints } from "./checkpoint-trust.ts";
import { listWriters } from "./segment-files.ts";

/** Where the id is looked for. */
export interface TrailIdSources {
  readonly files: Pick<AuditFileSystem, "list" | "readText" | "createExclusive">;
  readonly checkpoints: Pick<TrustedCheckpoints, "newestOf">;
}

/** Tells the processes that begin a trail at the same time which it is; after that checkpoints do. */
const FILE = "audit.trail";
const ID_BYTES = 16;
const ID = /^[0-9a-f]{32}$/;

/**
 * Which trail a writer of a directory belongs to: the id in every checkpoint, drawn at random by the first process that
 * writes there. A directory that another one with the same key was put in the place of has another id.
 * @throws AgentplaneError `audit_corrupt` when nothing tells which of several it is
 */
export function trailIdOf(writer: number, directory: string, { files, checkpoints }: TrailIdSources): string {
  // What this writer has sealed itself counts more than what lies beside it.
  const own = checkpoints.newestOf(writer)?.trail;
  if (own !== undefined) return own;
  const others = listWriters(directory, files).map((other) => checkpoints.newestOf(other.writer)?.trail);
  const ids = [...new Set(others.filter((id) => id !== undefined))];
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return only;
  const file = path.join(directory, FILE);
  const drawn = randomBytes(ID_BYTES).toString("hex");
  if (ids.length === 0 && files.createExclusive(file, `${drawn}\n`)) return drawn;
  const told = files.list(directory).includes(FILE) ? files.readText(file).trimEnd() : "";
  if (ID.test(told) && (ids.length === 0 || ids.includes(told))) return told;
  const why =
    ids.length === 0 ? `${FILE} does not hold an id` : `its checkpoints are of ${ids.join(" and ")}`;
  const message = `audit directory ${directory} is not one trail: ${why}; verify it, then move away what does not belong there`;
  throw new AgentplaneError("audit_corrupt", message, { data: { directory } });
}
