import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { AgentplaneError, type AgentPlane, type Approval } from "@agentplane/core";

const QUESTION = ".question.json";
const ANSWER = ".answer.json";
const LOOK_MS = 250;

/**
 * Keeps open questions as files in a folder, and takes answers from there: for an operator who has nothing but a shell.
 * Whoever may write into the folder may approve.
 * @param directory Created if need be, for its owner alone.
 * @returns Ends it; open questions are taken away.
 */
export async function keepApprovalFiles(
  plane: Pick<AgentPlane, "approvals">,
  directory: string,
  { isShared = false }: { readonly isShared?: boolean } = {},
): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const open = new Set<string>();
  const fileOf = (id: string, end: string): string => path.join(directory, `${encodeURIComponent(id)}${end}`);
  const work = oneAtATime();
  const heard = ({ id, status, view, expiresAtMs }: Approval): void => {
    if (status === "pending") {
      open.add(id);
      const question = { id, asks: view, expiresAt: new Date(expiresAtMs).toISOString() };
      work.add(() => writeWhole(fileOf(id, QUESTION), JSON.stringify(question, undefined, 2)));
    } else {
      open.delete(id);
      work.add(() => rm(fileOf(id, QUESTION), { force: true }));
    }
  };
  const unsubscribe = plane.approvals.subscribe(heard);
  // Those that a state has kept: of other processes, or of before a restart.
  for (const one of await plane.approvals.list({ status: "pending" })) heard(one);
  const look = async (): Promise<void> => {
    const found = await readdir(directory);
    for (const id of open) {
      if (!found.includes(path.basename(fileOf(id, ANSWER)))) continue;
      // oxlint-disable-next-line no-await-in-loop -- answers are few, and each is taken once
      await takeAnswer(plane, id, fileOf(id, ANSWER)).catch(report);
    }
  };
  const timer = setInterval(() => {
    if (open.size > 0) work.add(look);
  }, LOOK_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    unsubscribe();
    // Another process may still wait for them.
    if (!isShared) for (const id of open) work.add(() => rm(fileOf(id, QUESTION), { force: true }));
    await work.done();
  };
}

/** What is done to the folder, in order: a question answered at once must not be written after it was taken away. */
function oneAtATime(): { add(work: () => Promise<void>): void; done(): Promise<void> } {
  let last = Promise.resolve();
  return {
    add: (work) => {
      last = last.then(work).catch(report);
    },
    done: () => last,
  };
}

function report(error: unknown): void {
  console.error(`agentplane-mcp: ${String(error)}`);
}

/**
 * Answers a question that lies in a folder.
 * @throws AgentplaneError `approval_invalid` when there is no such question
 */
export async function answerApprovalFile(
  directory: string,
  answer: {
    readonly id: string;
    readonly isApproved: boolean;
    readonly by: string;
    readonly reason?: string;
  },
): Promise<void> {
  const name = encodeURIComponent(answer.id);
  const found = await readdir(directory).catch(() => [] as string[]);
  if (!found.includes(`${name}${QUESTION}`)) {
    const ids = found
      .filter((file) => file.endsWith(QUESTION))
      .map((file) => decodeURIComponent(file.slice(0, -QUESTION.length)));
    const hint = ids.length === 0 ? "none is open" : `open are ${ids.join(", ")}`;
    throw new AgentplaneError(
      "approval_invalid",
      `there is no question ${answer.id} in ${directory}; ${hint}`,
    );
  }
  await writeWhole(path.join(directory, `${name}${ANSWER}`), JSON.stringify(answer));
}

/** A reader sees all of it or nothing. */
async function writeWhole(file: string, text: string): Promise<void> {
  // Several processes may write the same question.
  const own = `${file}.${crypto.randomUUID()}.new`;
  await writeFile(own, text, { mode: 0o600 });
  await rename(own, file);
}

async function takeAnswer(
  { approvals }: Pick<AgentPlane, "approvals">,
  id: string,
  file: string,
): Promise<void> {
  const answer: unknown = JSON.parse(await readFile(file, "utf8"));
  await rm(file, { force: true });
  if (typeof answer !== "object" || answer === null || !("isApproved" in answer) || !("by" in answer)) {
    throw new AgentplaneError(
      "approval_invalid",
      `${file} is no answer; write one with "agentplane-mcp approve"`,
    );
  }
  const reason = "reason" in answer && typeof answer.reason === "string" ? { reason: answer.reason } : {};
  const act = { by: String(answer.by), role: "operator", ...reason } as const;
  await (answer.isApproved === true ? approvals.approve(id, act) : approvals.deny(id, act));
}
