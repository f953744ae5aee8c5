/** Where a part of what a rule is given is being compiled, and who is told what is wrong with it. */
export interface SpecPlace {
  readonly path: readonly (string | number)[];
  report(path: readonly (string | number)[], message: string, suggestion?: string): void;
}

/** The place of what lies in another: the same in all but where it is. */
export function below<T extends SpecPlace>(place: T, step: string | number): T {
  return { ...place, path: [...place.path, step] };
}

/** Reports what is wrong at a place. @returns Undefined: nothing was compiled. */
export function refuse({ path, report }: SpecPlace, message: string, suggestion?: string): undefined {
  report(path, message, suggestion);
  return undefined;
}
