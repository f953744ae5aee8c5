/**
 * A type whose members are all named: one that is added to `T` later does not compile until it is named too. For
 * parameters whose members are copied or written one by one.
 */
export type AllOf<T, Named extends keyof T> = Exclude<keyof T, Named> extends never ? T : never;
