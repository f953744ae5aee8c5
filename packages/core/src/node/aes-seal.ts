import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

import { AgentplaneError } from "../base/errors.ts";
import type { Seal } from "../base/seal.ts";

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
/** NIST SP 800-38D, 8.2.2: a random nonce of 96 bits. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = "v1.";

/**
 * Creates a seal with AES-256-GCM.
 * @param key 32 bytes, as base64 or base64url: `openssl rand -base64 32`.
 * @param olderKeys Keys that were in use before: they still open, and seal nothing.
 * @throws AgentplaneError `usage_invalid` for a key of another length
 */
export function aesSeal(key: string, ...olderKeys: readonly string[]): Seal {
  const current = keyOf(key);
  const all = [current, ...olderKeys.map(keyOf)];
  return {
    seal(text, purpose) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, current, nonce).setAAD(Buffer.from(purpose));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    open(sealed, purpose) {
      for (const one of all) {
        const text = opened(sealed, purpose, one);
        if (text !== undefined) return text;
      }
      throw new AgentplaneError(
        "content_refused",
        "what was sealed cannot be opened: it was changed, or sealed with another key or for something else",
      );
    },
  };
}

function keyOf(text: unknown): Buffer {
  const key = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (key.length === KEY_BYTES) return key;
  throw new AgentplaneError(
    "usage_invalid",
    `aesSeal: a key must be ${KEY_BYTES} bytes in base64; make one with: openssl rand -base64 ${KEY_BYTES}`,
  );
}

function opened(sealed: string, purpose: string, key: Buffer): string | undefined {
  const bytes = Buffer.from(sealed.slice(VERSION.length), "base64url");
  if (!sealed.startsWith(VERSION) || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString("utf8");
  } catch {
    // The tag does not fit: another key, purpose or text. The next key may still open it.
    return undefined;
  }
}
