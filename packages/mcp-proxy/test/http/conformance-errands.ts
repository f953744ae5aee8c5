import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { Scenario } from "./conformance-client.ts";

const SCRIPT = fileURLToPath(new URL("conformance-errand.sh", import.meta.url));
/** Open at both ends, a pipe with a name neither waits for the other side nor ends with it. */
const BOTH_ENDS = constants.O_RDWR | constants.O_NONBLOCK;

/** A command for the kit that lets this process play the client of a scenario. */
export interface Errands {
  readonly command: string;
  close(): void;
}

/**
 * @param play Plays a scenario. What it throws fails the client, in its words.
 */
export function takeErrands(play: (scenario: Scenario) => Promise<void>): Errands {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-errands-"));
  const errands = path.join(folder, "errands");
  execFileSync("mkfifo", [errands]);
  const incoming = new Socket({ fd: openSync(errands, BOTH_ENDS), readable: true, writable: false });
  const open: number[] = [];
  createInterface({ input: incoming }).on("line", (id) => {
    const of = (kind: string): string => path.join(folder, `${id}.${kind}`);
    const answer = (status: number, words: string): void => {
      writeFileSync(of("words"), words);
      const pipe = openSync(of("status"), BOTH_ENDS);
      open.push(pipe);
      writeSync(pipe, `${status}\n`);
    };
    const [name = "", version = "", url = "", context = ""] = readFileSync(of("asked"), "utf8").split("\n");
    play({ name, version, url, context: JSON.parse(context) as Scenario["context"] }).then(
      () => answer(0, ""),
      // The kit judges by what its server saw; the words are for whoever reads its log.
      (error: unknown) => answer(1, error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
  });
  return {
    command: `sh ${SCRIPT} ${folder}`,
    close() {
      incoming.destroy();
      for (const pipe of open) closeSync(pipe);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
