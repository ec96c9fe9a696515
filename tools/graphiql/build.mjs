// Copies GraphiQL's files into runtime/graphql/graphiql, whence they are served: no page of ours
// loads anything from elsewhere. Run it after a change of package.json.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const from = (path) => readFileSync(new URL(`node_modules/${path}`, import.meta.url), "utf8");
const to = new URL("../../runtime/graphql/graphiql/", import.meta.url);
// Packed, as they travel: they are others' work, and nobody reads it here.
const write = (name, text) =>
  writeFileSync(new URL(`${name}.gz`, to), gzipSync(text, { level: 9 }));

const files = {
  "react.js": ["react/umd/react.production.min.js", "react/LICENSE"],
  "react-dom.js": ["react-dom/umd/react-dom.production.min.js", "react-dom/LICENSE"],
  "graphql-ws.js": ["graphql-ws/umd/graphql-ws.min.js", "graphql-ws/LICENSE.md"],
  "graphiql.js": ["graphiql/graphiql.min.js", "graphiql/LICENSE"],
};
for (const [name, [path, license]] of Object.entries(files)) {
  const text = from(path).replace(/\/\/# sourceMappingURL=.*\s*$/, "");
  write(name, `/*\n${from(license).trim()}\n*/\n${text.trim()}\n`);
}
// The fonts are in it, as data: four fifths of its size, and our policy loads none from there.
const css = from("graphiql/graphiql.min.css").replace(/@font-face\s*\{[^}]*\}/g, "");
write("graphiql.css", `${css.trim()}\n`);
console.log(fileURLToPath(to));
