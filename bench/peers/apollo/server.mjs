// Apollo Server over our SDL; `budgets` gives a hundred from memory. PORT says where.
import { readFileSync } from "node:fs";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";

const typeDefs = readFileSync(new URL("../../../specs/schema.graphql", import.meta.url), "utf8");
const budgets = Array.from({ length: 100 }, (_, number) => ({
  id: `bud_${String(number).padStart(26, "0")}`,
  version: 1,
  createdAt: "2026-03-01T09:30:00.000Z",
  updatedAt: "2026-03-01T09:30:00.000Z",
  name: `Budget ${number}`,
  limit: "500.00",
  currency: "USD",
  period: "MONTHLY",
  startsOn: "2026-03-01",
  spent: "0.00",
}));
const resolvers = { Query: { budgets: async (_, { first }) => budgets.slice(0, first) } };
const server = new ApolloServer({ typeDefs, resolvers, csrfPrevention: false });
await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: +process.env.PORT } });
