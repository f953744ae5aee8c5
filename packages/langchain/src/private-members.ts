/**
 * Whether a class of the object has private members (`#name`, also as compilers write them): its methods fail on
 * anything but the object itself, such as a copy or a proxy.
 */
export function hasPrivateMembers(object: object): boolean {
  for (let at: unknown = object.constructor; typeof at === "function"; at = Object.getPrototypeOf(at)) {
    if (/\.#[\w$]|__private|__classPrivateField/.test(Function.prototype.toString.call(at))) return true;
  }
  return false;
}
