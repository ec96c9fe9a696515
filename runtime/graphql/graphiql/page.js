// GraphiQL with an example of every operation, and subscriptions over graphql-transport-ws.
"use strict";

(() => {
  const element = React.createElement;
  const token = document.getElementById("token");
  const choice = document.getElementById("example");
  const about = document.getElementById("about");
  const root = ReactDOM.createRoot(document.getElementById("graphiql"));
  const signed = () => (token.value ? { Authorization: `Bearer ${token.value}` } : {});
  const ask = GraphiQL.createFetcher({ url: "/api/graphql", fetch: (url, init) =>
    fetch(url, { ...init, headers: { ...signed(), ...init.headers } }) });

  // GraphiQL has no syntax tree yet when a query was just put in, so the text is looked at.
  const streams = ({ query, operationName: name }) =>
    name
      ? new RegExp(`\\bsubscription\\s+${name}\\b`).test(query)
      : /^\s*subscription\b/.test(query.replace(/#.*$/gm, ""));

  const fetcher = (params, options) => {
    if (!streams(params)) return ask(params, options);
    const url = new URL("/api/graphql", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const client = graphqlWs.createClient({
      url: url.href,
      connectionParams: { ...signed(), ...options?.headers },
    });
    return client.iterate(params);
  };

  const show = (example) =>
    root.render(
      element(GraphiQL, {
        fetcher,
        shouldPersistHeaders: false,
        defaultQuery: "{ budgets { id name limit createdAt } }",
        ...(example && {
          query: example.query,
          variables: JSON.stringify(example.variables, null, 2),
        }),
      }),
    );

  const list = async () => {
    const examples = await (await fetch("/api/graphql/examples.json")).json();
    const groups = new Map();
    for (const [at, each] of examples.entries()) {
      if (!groups.has(each.service)) {
        const group = document.createElement("optgroup");
        group.label = each.service;
        groups.set(each.service, group);
        choice.append(group);
      }
      groups.get(each.service).append(new Option(each.name, at));
    }
    choice.addEventListener("change", () => {
      const example = examples[choice.value];
      about.textContent = example?.summary ?? "";
      show(example);
    });
  };

  document.getElementById("bar").addEventListener("submit", (event) => event.preventDefault());
  show();
  void list();
})();
