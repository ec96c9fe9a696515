// graphql-ws's client: subscribes to a budget, and goes on by itself after its socket was cut.
// Arguments: URL, access token, budget. Prints a line of JSON for each thing that happens; each
// line of its input cuts the socket.
import { createInterface } from "node:readline";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, token, budget] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
let socket;
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  lazy: false,
  retryAttempts: 5,
  retryWait: async () => {},
  connectionParams: () => ({ authorization: `Bearer ${token}` }),
  on: {
    connected: (opened) => {
      socket = opened;
      tell({ connected: true });
    },
    closed: (event) => tell({ closed: event.code }),
  },
});

createInterface({ input: process.stdin }).on("line", () => socket.terminate());

try {
  const query = "subscription ($id: ID!) { budgetChanged(id: $id) { name } }";
  for await (const result of client.iterate({ query, variables: { id: budget } })) {
    tell({ name: result.data.budgetChanged.name });
  }
  tell({ over: true });
} catch (error) {
  tell({ failed: error.code ?? error.message ?? error });
}
process.exit(0);
