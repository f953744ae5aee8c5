import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import { SqliteSaver } from "@langchain/langgraph-checkpoint-sqlite";

/**
 * LangGraph's checkpointer on the SQLite that Node.js has built in, so that nothing has to be compiled: it is given the
 * four members of a better-sqlite3 database that it uses. With better-sqlite3 installed this is
 * `SqliteSaver.fromConnString(path)`.
 * @param path The file; created where it is missing.
 */
export function nodeSqliteSaver(path: string): SqliteSaver {
  const database = new DatabaseSync(path);
  const facade = {
    pragma: (text: string) => database.exec(`PRAGMA ${text}`),
    exec: (sql: string) => database.exec(sql),
    prepare: (sql: string) => prepared(database.prepare(sql)),
    transaction:
      (work: (...args: readonly unknown[]) => void) =>
      (...args: readonly unknown[]) => {
        database.exec("BEGIN");
        try {
          work(...args);
          database.exec("COMMIT");
        } catch (error) {
          database.exec("ROLLBACK");
          throw error;
        }
      },
  };
  // The checkpointer's type asks for all of better-sqlite3.
  const given: unknown = facade;
  return new SqliteSaver(given as ConstructorParameters<typeof SqliteSaver>[0]);
}

/** better-sqlite3 takes `undefined` for NULL; Node.js does not. */
function prepared(statement: StatementSync) {
  type Given = readonly (SQLInputValue | undefined)[];
  const bound = (given: Given): SQLInputValue[] => given.map((value) => value ?? null);
  return {
    get: (...given: Given) => statement.get(...bound(given)),
    all: (...given: Given) => statement.all(...bound(given)),
    run: (...given: Given) => statement.run(...bound(given)),
  };
}
