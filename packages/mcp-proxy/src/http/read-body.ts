import type { IncomingMessage } from "node:http";

import type { MessageScan } from "../frame/message-scan.ts";

/**
 * Reads a body to its end, or to the limit: what is longer is not read, and the connection can still be answered on.
 * @param scan Looks at a body that is too long, to its end; nothing of that is kept. Default: nobody does.
 * @returns The whole body; undefined when it is longer than may be.
 */
export function readBody(
  message: IncomingMessage,
  maxBytes: number,
  scan?: MessageScan,
): Promise<Uint8Array | undefined> {
  if (scan === undefined && Number(message.headers["content-length"] ?? 0) > maxBytes)
    return Promise.resolve(undefined);
  let parts: Uint8Array[] = [];
  let length = 0;
  let isWhole = false;
  return new Promise((resolve, reject) => {
    const onData = (bytes: Uint8Array): void => {
      length += bytes.length;
      parts.push(bytes);
      if (length <= maxBytes) return;
      if (scan === undefined) {
        message.off("data", onData);
        message.pause();
        return resolve(undefined);
      }
      for (const part of parts) scan.push(part);
      parts = [];
    };
    message.on("data", onData);
    message.on("error", reject);
    message.on("close", () => {
      // Each body is closed in the end; an error that nobody hears costs as much as one that somebody does.
      if (!isWhole) reject(new Error("the body was cut"));
    });
    message.on("end", () => {
      isWhole = true;
      const [first] = parts;
      if (length > maxBytes) resolve(undefined);
      else resolve(parts.length === 1 && first !== undefined ? first : Buffer.concat(parts, length));
    });
  });
}
