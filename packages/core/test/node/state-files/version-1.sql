-- A state file of version 1, as it was written: plugs, a mode, a question, a published version, a budget and a hold.
CREATE TABLE clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  boot TEXT NOT NULL,
  anchor_ms REAL NOT NULL,
  suspended_ms REAL NOT NULL,
  latest_ms REAL NOT NULL
) STRICT;
CREATE TABLE limit_account (
  key TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  due_ms REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX limit_account_due ON limit_account (due_ms) WHERE due_ms IS NOT NULL;
CREATE TABLE hold (
  id TEXT NOT NULL PRIMARY KEY,
  items TEXT NOT NULL,
  answer TEXT NOT NULL,
  due_ms REAL NOT NULL,
  expired_at_ms REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_due ON hold (due_ms);
CREATE TABLE document (
  collection TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  expires_ms REAL,
  PRIMARY KEY (collection, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX document_expiry ON document (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE TABLE change (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  collection TEXT NOT NULL,
  key TEXT NOT NULL
) STRICT;
INSERT INTO clock VALUES (1, '11111111-2222-3333-4444-555555555555', 1795942760147.5115, -9.679813999915496, 1795944498341);
INSERT INTO limit_account VALUES ('b', '{"held":30,"references":1,"epoch":0,"window":{"kind":"lifetime","total":25},"grants":[{"amount":7}]}', NULL);
INSERT INTO limit_account VALUES ('r', '{"held":0,"references":1,"epoch":0,"window":{"kind":"log","windowMs":60000,"times":[1795944498342]}}', 1795944558342);
INSERT INTO hold VALUES ('held \u0000 ü', '[["b",30,1795944498342,false,"charge",0],["r",1,1795944498342,true,"charge",0]]', '{"isGranted":true,"breaches":[]}', 2795944498342, NULL);
INSERT INTO document VALUES ('approvals', '4:some\u0000thing', '{"status":"pending","text":"it''s \n ''quoted'' ü"}', NULL);
INSERT INTO document VALUES ('controls', 'mode:7:default5:agent-5:other20:{\"mode\":\"READ_ONLY\"}4:olga', '{"id":"5:agent-5:other20:{\"mode\":\"READ_ONLY\"}4:olga","scope":{"kind":"agent","id":"other"},"degrade":{"mode":"READ_ONLY"},"cause":"incident","by":"olga","at":1795944498326}', NULL);
INSERT INTO document VALUES ('controls', 'plug:7:default8:operator6:tenant-4:acmé', '{"subject":{"kind":"tenant","id":"acmé"},"authority":"operator","reason":"incident","by":"olga","at":1795944498324}', NULL);
INSERT INTO document VALUES ('versions', 'version:7:default4:pace0000000001', '{"policyId":"pace","version":1,"contentHash":"sha256:bdb27c1c2cdf13cd3742fa25d5fba1429795a6bc736dbefb661321adb9680487","policy":{"id":"pace"},"author":"ada","changelog":"first","at":1795944498329,"notes":[]}', NULL);
INSERT INTO change VALUES (1, 'controls', 'plug:7:default8:operator6:tenant-4:acmé');
INSERT INTO change VALUES (2, 'controls', 'mode:7:default5:agent-5:other20:{\"mode\":\"READ_ONLY\"}4:olga');
INSERT INTO change VALUES (3, 'versions', 'version:7:default4:pace0000000001');
INSERT INTO change VALUES (4, 'approvals', '4:some\u0000thing');
PRAGMA application_id = 1097289836;
PRAGMA user_version = 1;
