// Express with express-openapi-validator, better-sqlite3 and jsonwebtoken: the peer that is served.
// It does what ours does for these two operations; nothing relays the outbox here.

import { createHash, createSecretKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import express from "express";
import openapi from "express-openapi-validator";
import jwt from "jsonwebtoken";

// The contract, without its links: their `id` parameters are schema ids to the validator's ajv.
const file = new URL("../../../generated/openapi.json", import.meta.url);
const spec = JSON.parse(readFileSync(file), (name, value) => (name === "links" ? undefined : value));
const budget = JSON.parse(process.env.BENCH_BUDGET);
// As a key: of a text jsonwebtoken asks each time whether it is a public key.
const secret = createSecretKey(Buffer.from(process.env.BENCH_SECRET));

const db = new Database(process.env.BENCH_DATABASE);
db.pragma("journal_mode = WAL");
db.pragma(`synchronous = ${process.env.BENCH_SYNCHRONOUS ?? "FULL"}`);
db.exec(`
  CREATE TABLE IF NOT EXISTS budgets (
    id TEXT PRIMARY KEY, version INTEGER, createdAt TEXT, updatedAt TEXT, ownerId TEXT, name TEXT,
    "limit" TEXT, currency TEXT, period TEXT, startsOn TEXT, endsOn TEXT, spent TEXT, members TEXT);
  CREATE INDEX IF NOT EXISTS budgets_owner ON budgets (ownerId);
  CREATE TABLE IF NOT EXISTS expenses (
    id TEXT PRIMARY KEY, version INTEGER, createdAt TEXT, updatedAt TEXT, budgetId TEXT, ownerId TEXT,
    description TEXT, amount TEXT, currency TEXT, category TEXT, spentOn TEXT, tags TEXT, note TEXT,
    externalId TEXT);
  CREATE INDEX IF NOT EXISTS expenses_budget ON expenses (budgetId);
  CREATE INDEX IF NOT EXISTS expenses_owner ON expenses (ownerId);
  CREATE INDEX IF NOT EXISTS expenses_day ON expenses (spentOn);
  CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY, id TEXT, type TEXT, subject TEXT, time TEXT, data TEXT);
  CREATE TABLE IF NOT EXISTS idempotency (
    caller TEXT, key TEXT, fingerprint BLOB, answer TEXT, at TEXT, PRIMARY KEY (caller, key));
`);
db.prepare(`INSERT OR IGNORE INTO budgets VALUES (@id, @version, @createdAt, @updatedAt, @ownerId,
  @name, @limit, @currency, @period, @startsOn, @endsOn, @spent, @members)`)
  .run({ ...budget, members: JSON.stringify(budget.members) });

const selectBudget = db.prepare("SELECT * FROM budgets WHERE id = ?");
const selectKey = db.prepare("SELECT fingerprint, answer FROM idempotency WHERE caller = ? AND key = ?");
const insertExpense = db.prepare(`INSERT INTO expenses VALUES (@id, @version, @createdAt, @updatedAt,
  @budgetId, @ownerId, @description, @amount, @currency, @category, @spentOn, @tags, @note, @externalId)`);
const insertEvent = db.prepare("INSERT INTO outbox (id, type, subject, time, data) VALUES (?, ?, ?, ?, ?)");
const insertKey = db.prepare("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)");
const write = db.transaction((expense, text, key, fingerprint) => {
  insertExpense.run({ ...expense, tags: JSON.stringify(expense.tags) });
  insertEvent.run(newId("evt"), "expense.created.v1", expense.id, expense.createdAt, text);
  if (key !== undefined) insertKey.run(expense.ownerId, key, fingerprint, text, expense.createdAt);
});

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
function newId(prefix) {
  let number = (BigInt(Date.now()) << 80n) | BigInt(`0x${randomBytes(10).toString("hex")}`);
  let digits = "";
  for (let place = 0; place < 26; place++, number >>= 5n) digits = ALPHABET[Number(number & 31n)] + digits;
  return `${prefix}_${digits}`;
}

class Refusal extends Error {
  constructor(status) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

function authenticate(request, response, next) {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "Bearer") throw new Refusal(401);
  try {
    const options = { algorithms: ["HS256"], issuer: "budget-manager", audience: "budget-manager-api" };
    request.caller = jwt.verify(token, secret, options).sub;
  } catch {
    throw new Refusal(401);
  }
  next();
}

function visible(caller, id, toWrite) {
  const row = selectBudget.get(id);
  if (row === undefined) throw new Refusal(404);
  row.members = JSON.parse(row.members);
  if (row.ownerId !== caller) {
    const member = row.members.find((each) => each.userId === caller);
    if (member === undefined) throw new Refusal(404);
    if (toWrite && member.role === "viewer") throw new Refusal(403);
  }
  return row;
}

const app = express();
app.disable("x-powered-by");
app.disable("etag"); // the contract's own is set below
app.use("/api", authenticate);
app.use(express.json());
app.use(openapi.middleware({ apiSpec: spec, validateSecurity: false, validateFormats: false }));

app.get("/api/budgets/:id", (request, response) => {
  const row = visible(request.caller, request.params.id, false);
  response.set("ETag", `"${row.version}"`).json(row);
});

app.post("/api/expenses", (request, response) => {
  const body = request.body;
  const key = request.get("Idempotency-Key");
  const fingerprint = createHash("blake2s256").update(JSON.stringify(body)).digest();
  const kept = key === undefined ? undefined : selectKey.get(request.caller, key);
  if (kept !== undefined) {
    if (!kept.fingerprint.equals(fingerprint)) throw new Refusal(422);
    answer(response, JSON.parse(kept.answer), kept.answer);
    return;
  }
  const row = visible(request.caller, body.budgetId, true);
  if (body.currency != null && body.currency !== row.currency) throw new Refusal(422);
  const now = new Date().toISOString();
  const expense = {
    id: newId("exp"), version: 1, createdAt: now, updatedAt: now,
    budgetId: row.id, ownerId: request.caller, description: body.description, amount: body.amount,
    currency: row.currency, category: body.category, spentOn: body.spentOn ?? now.slice(0, 10),
    tags: body.tags ?? [], note: body.note ?? null, externalId: body.externalId ?? null,
  };
  const text = JSON.stringify(expense);
  write(expense, text, key, fingerprint);
  answer(response, expense, text);
});

function answer(response, expense, text) {
  response.status(201).set("ETag", `"${expense.version}"`).type("application/json");
  response.location(`/api/budgets/${expense.budgetId}/expenses/${expense.id}`).send(text);
}

app.use((error, request, response, next) => {
  const status = error.status ?? 500;
  if (status === 500) console.error(error);
  response.status(status).type("application/problem+json").send(JSON.stringify({ status }));
});

app.listen(Number(process.env.PORT), "127.0.0.1");
