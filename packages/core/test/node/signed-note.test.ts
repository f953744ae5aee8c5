import { expect, test } from "vitest";

import {
  createNoteSigner,
  generateAuditKeys,
  openNote,
  readPublicKey,
  unsignedNote,
} from "../../src/node/signed-note.ts";

// The key and note of the example in golang.org/x/mod/sumdb/note, which defined the format.
const VECTOR = {
  privateKey: "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
  publicKey: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature: "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
};

test("signs as the field's tools do", () => {
  const signer = createNoteSigner(VECTOR.privateKey);
  expect(signer.publicKey).toBe(VECTOR.publicKey);
  expect(signer.sign(VECTOR.text)).toBe(`${VECTOR.text}\n\u2014 PeterNeumann ${VECTOR.signature}\n`);
});

test("reads what the field's tools have signed, and nothing that was changed since", () => {
  const [note, key] = [
    `${VECTOR.text}\n\u2014 PeterNeumann ${VECTOR.signature}\n`,
    readPublicKey(VECTOR.publicKey),
  ];
  expect(openNote(note, [key])).toStrictEqual({
    text: VECTOR.text,
    signedBy: ["PeterNeumann"],
    signatures: 1,
  });
  expect(openNote(note.replace("answer", "Answer"), [key])?.signedBy).toStrictEqual([]);
  expect(openNote(note.replace("ZJkuBS9", "ZJkuBS8"), [key])?.signedBy).toStrictEqual([]);
});

test("counts no good signature under another name or key id, and takes none with bits that nobody signed", () => {
  const key = readPublicKey(VECTOR.publicKey);
  const openWith = (name: string, signature: string) =>
    openNote(`${VECTOR.text}\n\u2014 ${name} ${signature}\n`, [key]);
  expect(openWith("PeterNeumann", VECTOR.signature)?.signedBy).toHaveLength(1);
  expect(openWith("Somebody", VECTOR.signature)?.signedBy).toStrictEqual([]);
  expect(openWith("PeterNeumann", VECTOR.signature.replace("x08go", "x08gp"))?.signedBy).toStrictEqual([]);
  // The same bytes, by the two bits of the last character that say nothing.
  expect(openWith("PeterNeumann", VECTOR.signature.replace("AM=", "AN="))).toBeUndefined();
});

test("tells who signed a note", () => {
  const [mine, yours] = [generateAuditKeys("mine"), generateAuditKeys("yours")];
  const note = createNoteSigner(mine.privateKey).sign("a text\n\nof three lines\n");
  const [own, other] = [readPublicKey(mine.publicKey), readPublicKey(yours.publicKey)];
  expect(openNote(note, [other, own])?.signedBy).toStrictEqual(["mine"]);
  expect(openNote(note, [other])?.signedBy).toStrictEqual([]);
  expect(openNote(note.replace("three", "four"), [own])?.signedBy ?? []).toStrictEqual([]);
  expect(openNote(unsignedNote("a text\n"), [own])).toStrictEqual({
    text: "a text\n",
    signedBy: [],
    signatures: 0,
  });
});

test("a key of the same name and another secret does not count", () => {
  const [one, two] = [generateAuditKeys("same"), generateAuditKeys("same")];
  const note = createNoteSigner(one.privateKey).sign("text\n");
  expect(openNote(note, [readPublicKey(two.publicKey)])?.signedBy).toStrictEqual([]);
});

test.each([
  "",
  "text",
  "text\n",
  "text\n\nno signature\n",
  "text\n\n\u2014 name !\n",
  "text\n\n\u2014 name AAAAAAA=",
])("%j is no note", (note) => expect(openNote(note, [])).toBeUndefined());

test("refuses keys that are none, without repeating them", () => {
  const { privateKey, publicKey } = generateAuditKeys("mine");
  for (const wrong of [
    publicKey,
    "",
    "PRIVATE+KEY+mine+00000000+AAAA",
    privateKey.replace("mine", "yours"),
  ]) {
    expect(() => createNoteSigner(wrong)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  }
  const moved = privateKey.replace("mine", "yours");
  expect(() => createNoteSigner(moved)).not.toThrow(moved.slice(-40));
  expect(() => readPublicKey(privateKey)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  expect(() => generateAuditKeys("two words")).toThrow(/without spaces/);
});
