'use strict';

// The peer in Node: @grpc/grpc-js with a handler by hand, over a budget in memory.

const path = require('node:path');
const root = path.join(__dirname, '..', '..');
const sdk = path.join(root, 'sdk', 'node-grpc', 'node_modules');
const grpc = require(path.join(sdk, '@grpc', 'grpc-js'));
const { loadSync } = require(path.join(sdk, '@grpc', 'proto-loader'));

const [port, user, json] = process.argv.slice(2);
const proto = loadSync(path.join(root, 'specs', 'budget.proto'), { enums: String, longs: Number });
const { BudgetService } = grpc.loadPackageDefinition(proto).budget.v1;
const tokens = new Map([['a token', user]]);
const sample = JSON.parse(json);
const budgets = new Map([[sample.id, sample]]);

function refuse(code, message) {
  return Object.assign(new Error(message), { code });
}

function getBudget(call, callback) {
  const [authorization = ''] = call.metadata.get('authorization');
  const who = tokens.get(authorization.replace('Bearer ', ''));
  if (!who) return callback(refuse(grpc.status.UNAUTHENTICATED, 'Send an access token.'));
  const budget = budgets.get(call.request.id);
  if (!budget || (budget.ownerId !== who && !budget.members.some((m) => m.userId === who))) {
    return callback(refuse(grpc.status.NOT_FOUND, 'There is no such Budget.'));
  }
  return callback(null, {
    ...budget,
    currency: `CURRENCY_${budget.currency}`,
    period: `PERIOD_${budget.period.toUpperCase()}`,
    members: budget.members.map((m) => ({ userId: m.userId, role: `MEMBER_ROLE_${m.role.toUpperCase()}` })),
  });
}

const server = new grpc.Server();
server.addService(BudgetService.service, { getBudget });
server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
