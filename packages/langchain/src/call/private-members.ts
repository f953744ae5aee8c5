import type { AnyAgentMiddleware } from "langchain";

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

/**
 * A middleware as it may be put behind others of our own: createAgent calls its wrapper of model calls as a method, which
 * may read private members.
 */
export function withOwnMembers<M extends AnyAgentMiddleware>(middleware: M): M {
  const wrapModelCall = middleware.wrapModelCall?.bind(middleware);
  return new Proxy(middleware, {
    get: (target, name) => (name === "wrapModelCall" ? wrapModelCall : Reflect.get(target, name, target)),
  });
}
