const FORBIDDEN = /(?:^|[.[\]"'])(?:__proto__|constructor|prototype)(?=$|[.[\]"'])/;

/** Tells whether a member's name reaches for a prototype, alone or as a step of a path. */
export function isForbiddenName(name: string): boolean {
  return FORBIDDEN.test(name);
}

/** Tells whether a text is a path into content that passes through a prototype. */
export function isForbiddenPath(text: string): boolean {
  const isPath = text.startsWith("$.") || text.startsWith("$[");
  return isPath && FORBIDDEN.test(text);
}
