import { parentPort } from "node:worker_threads";

import { takeNoMore, takePart, type CheckedPart, type NumberedAnswer, type NumberedJob } from "./part-job.ts";
import { checkPart, readPart } from "./segment-part.ts";

// Started by `PartHelpers` alone, which sends exactly this.
parentPort?.on("message", ({ id, job }: NumberedJob) => {
  const checked: CheckedPart[] = [];
  for (let index = takePart(job); index !== undefined; index = takePart(job)) {
    const report = checkPart(readPart(job, index), job);
    checked.push([index, report]);
    if (!report.isWhole) takeNoMore(job);
  }
  const answer: NumberedAnswer = { id, checked };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a worker has no origin
  parentPort?.postMessage(answer);
});
