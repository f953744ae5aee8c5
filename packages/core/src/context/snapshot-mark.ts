import type { Hash } from "../base/ports.ts";

/** A digest, and what made it: another plane may digest otherwise. */
export interface Digest {
  readonly hash: Hash;
  readonly text: string;
}

/** Makes a constructor's `this` the given object, so that a private field is put on that object. */
// oxlint-disable-next-line typescript/no-extraneous-class -- returning another object is all it is for
export class Given {
  constructor(object: object) {
    // oxlint-disable-next-line no-constructor-return -- this is the point of the class
    return object;
  }
}

/**
 * The mark of a snapshot, and the digest found out about it: a private field, which nobody can see, copy or forge, and
 * which can still be set when the object is frozen. Every call makes a few snapshots that live as long as it does, and
 * a WeakSet of so many short-lived objects costs more than copying them.
 */
export class SnapshotMark extends Given {
  #digest: Digest | undefined = undefined;

  /** Tells whether an object carries the mark. */
  static isOn(object: object): boolean {
    return #digest in object;
  }

  /** Puts the mark on an object that is not frozen yet and does not carry it. */
  static put(object: object): void {
    // oxlint-disable-next-line no-new -- the object itself is what is constructed
    new SnapshotMark(object);
  }

  /** What `setDigest` noted on a snapshot. */
  static digestOf(object: object): Digest | undefined {
    return #digest in object ? object.#digest : undefined;
  }

  /** Notes a snapshot's digest; nothing on an object without the mark, which may still change. */
  static setDigest(object: object, digest: Digest): void {
    if (#digest in object) object.#digest = digest;
  }
}
