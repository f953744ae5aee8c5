/**
 * Makes a list that is to be filled, of the right size at once: one that grows takes several times the memory.
 * @param length How many items it will have; holes until then.
 */
export function listOf<T>(length: number): T[] {
  // oxlint-disable-next-line unicorn/no-new-array -- `Array.from` fills the list first, item by item
  return new Array<T>(length);
}
