import graphql from "@graphql-eslint/eslint-plugin";

const parserOptions = { graphQLConfig: { schema: "specs/schema.graphql" } };

export default [
  {
    files: ["specs/*.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions },
    plugins: { "@graphql-eslint": graphql },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...graphql.configs["flat/schema-all"].rules,
      // The order is the domain's, as in the other three specs.
      "@graphql-eslint/alphabetize": "off",
      // One line in quotes, longer ones as a block.
      "@graphql-eslint/description-style": "off",
      // Arguments are the operation's own on every protocol; only the body is `input`.
      "@graphql-eslint/input-name": "off",
      // Where REST answers 204, there is nothing to give but true.
      "@graphql-eslint/no-scalar-result-type-on-mutation": "off",
      // It means to forbid roots; all three are wanted.
      "@graphql-eslint/no-root-type": "off",
      // A mutation answers what its operation answers.
      "@graphql-eslint/require-field-of-type-query-in-mutation-result": "off",
      // An operation answers its result or a problem, never null.
      "@graphql-eslint/require-nullable-result-in-root": "off",
      // Pages, figures and members are values without an identity.
      "@graphql-eslint/strict-id-in-types": "off",
    },
  },
];
