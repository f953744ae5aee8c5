import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";

import { ConfigError } from "../base/errors.ts";

// Signed notes as https://c2sp.org/signed-note has them: a text that ends in a line break, an empty line, and a line
// for each signature: `— name base64(key id, signature)`.

/** A pair of keys for checkpoints, both as one line of text. */
export interface AuditKeys {
  /** For `jsonlSink({ key })`: `PRIVATE+KEY+name+id+base64`. Whoever has it can sign anything. */
  readonly privateKey: string;
  /** For `verifyDirectory({ keys })` and anybody else: `name+id+base64`. */
  readonly publicKey: string;
}

/** Signs notes under one name. */
export interface NoteSigner {
  readonly name: string;
  readonly publicKey: string;
  /** @param text Ends in a line break. */
  sign(text: string): string;
}

/** A note taken apart. */
export interface Note {
  /** With its last line break: what is signed. */
  readonly text: string;
  /** Names of the given keys that have signed it. */
  readonly signedBy: readonly string[];
  /** How many signatures it has, of whomever. */
  readonly signatures: number;
}

const ED25519 = 1;
/** DER of an ed25519 private key (PKCS#8, RFC 8410) and of a public one (SPKI), up to the 32 bytes of the key. */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");
const KEY_BYTES = 32;
const ID_BYTES = 4;
const SIGNATURE_MARK = "\u2014 ";

/**
 * Makes a new ed25519 key pair for signing the checkpoints of an audit trail.
 * @param name Who signs, such as `audit.example.com/payments`: without spaces and `+`.
 * @throws ConfigError for another name
 */
export function generateAuditKeys(name: string): AuditKeys {
  requireName(name, "generateAuditKeys");
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-KEY_BYTES);
  const point = publicKey.export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
  const id = keyId(name, point).toString("hex");
  return {
    privateKey: `PRIVATE+KEY+${name}+${id}+${withType(seed)}`,
    publicKey: `${name}+${id}+${withType(point)}`,
  };
}

/**
 * Signs with a private key as `generateAuditKeys` gives it.
 * @throws ConfigError when it is none; the message never holds the key
 */
export function createNoteSigner(privateKey: string): NoteSigner {
  const [, name = "", id = "", encoded = ""] =
    /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(privateKey) ?? [];
  const seed = keyBytes(encoded);
  if (seed === undefined) throw wrongKey("a private key", "PRIVATE+KEY+name+id+base64");
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: "der", type: "pkcs8" });
  const point = createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
  const expected = keyId(name, point);
  if (expected.toString("hex") !== id) throw wrongKey("a private key", "one whose id fits its name and key");
  return {
    name,
    publicKey: `${name}+${id}+${withType(point)}`,
    sign(text) {
      const signature = sign(undefined, Buffer.from(text), secret);
      return `${text}\n${SIGNATURE_MARK}${name} ${Buffer.concat([expected, signature]).toString("base64")}\n`;
    },
  };
}

/** A public key that was read. */
export interface NoteVerifier {
  readonly name: string;
  readonly id: Buffer;
  readonly key: KeyObject;
}

/**
 * Reads a public key as `generateAuditKeys` gives it.
 * @throws ConfigError when it is none
 */
export function readPublicKey(publicKey: string): NoteVerifier {
  const [, name = "", id = "", encoded = ""] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(publicKey) ?? [];
  const point = keyBytes(encoded);
  if (point === undefined) throw wrongKey("a public key", "name+id+base64");
  const expected = keyId(name, point);
  if (expected.toString("hex") !== id) throw wrongKey("a public key", "one whose id fits its name and key");
  return {
    name,
    id: expected,
    key: createPublicKey({ key: Buffer.concat([SPKI_HEAD, point]), format: "der", type: "spki" }),
  };
}

/** A note that nobody has signed: the same form without signatures. */
export function unsignedNote(text: string): string {
  return `${text}\n`;
}

/**
 * Takes a note apart and looks who has signed it.
 * @returns Undefined when it is no note.
 */
export function openNote(note: string, keys: readonly NoteVerifier[]): Note | undefined {
  const [, text, lines] = /^([^]*\n)\n([^]*)$/.exec(note) ?? [];
  if (text === undefined || lines === undefined || (lines !== "" && !lines.endsWith("\n"))) return undefined;
  const signatures = lines.split("\n").slice(0, -1).map(readSignature);
  if (signatures.includes(undefined)) return undefined;
  const signedBy = keys
    .filter(({ name, id, key }) =>
      signatures.some(
        (found) =>
          found?.name === name &&
          found.bytes.subarray(0, ID_BYTES).equals(id) &&
          verify(undefined, Buffer.from(text), key, found.bytes.subarray(ID_BYTES)),
      ),
    )
    .map(({ name }) => name);
  return { text, signedBy, signatures: signatures.length };
}

function readSignature(line: string): { readonly name: string; readonly bytes: Buffer } | undefined {
  const [, name, encoded = ""] = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
  const bytes = Buffer.from(encoded, "base64");
  // A base64 text that reads back differently has bits that nobody signed.
  if (name === undefined || bytes.length <= ID_BYTES || bytes.toString("base64") !== encoded)
    return undefined;
  return { name, bytes };
}

/** As signed-note defines it: the first bytes of SHA-256 over the name, a line break, and the typed key. */
function keyId(name: string, point: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), point]);
  return Buffer.from(hash("sha256", typed, "hex"), "hex").subarray(0, ID_BYTES);
}

function withType(key: Uint8Array): string {
  return Buffer.concat([Buffer.of(ED25519), key]).toString("base64");
}

function keyBytes(encoded: string): Buffer | undefined {
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length === 1 + KEY_BYTES && bytes[0] === ED25519 ? bytes.subarray(1) : undefined;
}

function requireName(name: string, source: string): void {
  if (/^[^+\s]+$/u.test(name)) return;
  throw new ConfigError(source, [{ path: "name", message: "must be a name without spaces and +" }]);
}

function wrongKey(what: string, form: string): ConfigError {
  const message = `is not ${what} of an audit trail; it must be ${form}, as generateAuditKeys gives it`;
  return new ConfigError("audit key", [{ path: "key", message }]);
}
