import { parentPort } from "node:worker_threads";

import { takePart, type CheckedPart, type NumberedAnswer, type NumberedJob } from "./part-job.ts";
import { checkPart, readPart } from "./segment-part.ts";

// Started by `PartHelpers` alone, which sends exactly this.
parentPort?.on("message", ({ id, job }: NumberedJob) => {
  const checked: CheckedPart[] = [];
  for (let index = takePart(job); index !== undefined; index = takePart(job))
    checked.push([index, checkPart(readPart(job, index), job)]);
  const answer: NumberedAnswer = { id, checked };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a worker has no origin
  parentPort?.postMessage(answer);
});
