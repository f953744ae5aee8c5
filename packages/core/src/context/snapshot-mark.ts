/** Makes a constructor's `this` the given object, so that a private field is put on that object. */
class Given {
  constructor(object: object) {
    // oxlint-disable-next-line no-constructor-return -- this is the point of the class
    return object;
  }
}

/**
 * The mark of a snapshot: a private field, which nobody can see, copy or forge. Every call makes a few snapshots that
 * live as long as it does, and a WeakSet of so many short-lived objects costs more than copying them.
 */
export class SnapshotMark extends Given {
  readonly #isSnapshot = true;

  /** Tells whether an object carries the mark. */
  static isOn(object: object): boolean {
    return #isSnapshot in object && object.#isSnapshot;
  }

  /** Puts the mark on an object that is not frozen yet and does not carry it. */
  static put(object: object): void {
    // oxlint-disable-next-line no-new -- the object itself is what is constructed
    new SnapshotMark(object);
  }
}
