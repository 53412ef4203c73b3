// @ts-check
/** Shows the operations of openapi.json. */

/**
 * @typedef {{$ref?: string, type?: string, format?: string, items?: Schema, anyOf?: Schema[], enum?: string[],
 *   const?: string, properties?: Record<string, Schema>, required?: string[], allOf?: Schema[],
 *   additionalProperties?: Schema | boolean, description?: string}} Schema
 * @typedef {{description?: string, content?: Record<string, {schema?: Schema}>}} Body
 * @typedef {{name: string, in: string, required?: boolean, description?: string, schema?: Schema}} Parameter
 * @typedef {{summary?: string, description?: string, tags?: string[], parameters?: Parameter[],
 *   requestBody?: Body, responses: Record<string, Body>, security?: object[]}} Operation
 * @typedef {{info: {description?: string}, paths: Record<string, Record<string, Operation>>,
 *   components: {schemas: Record<string, Schema>}}} OpenApi
 */

/**
 * @param {string} tag @param {Record<string, string>} attributes @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Prose with `code` in it. @param {string} text @returns {(Node | string)[]} */
function prose(text) {
  return text.split(/`([^`]*)`/).map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

/** @param {OpenApi} api @param {Schema} schema @returns {Schema} */
function resolved(api, schema) {
  return schema.$ref ? (api.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}) : schema;
}

/** A schema as a person writes an example. @param {OpenApi} api @param {Schema} schema @returns {unknown} */
function outline(api, schema) {
  const known = resolved(api, schema);
  if (known.anyOf) return known.anyOf.map((each) => JSON.stringify(outline(api, each))).join(" | ").replaceAll('"', "");
  if (known.properties) {
    return Object.fromEntries(Object.entries(known.properties).map(([name, each]) => [name, outline(api, each)]));
  }
  if (known.type === "array") return [outline(api, known.items ?? {})];
  if (known.enum) return known.enum.join(" | ");
  if (typeof known.additionalProperties === "object") return { "…": outline(api, known.additionalProperties) };
  return known.format ?? known.type ?? "any";
}

/** @param {OpenApi} api @param {Body} body @returns {Node[]} */
function content(api, body) {
  return Object.entries(body.content ?? {}).flatMap(([mediaType, { schema }]) => {
    if (mediaType === "application/problem+json") return []; // the same everywhere, and said at the top
    const known = resolved(api, schema ?? {});
    const heading = element("p", { class: "quiet" }, mediaType);
    if (!known.properties) return [heading];
    return [heading, element("pre", { tabindex: "0" }, JSON.stringify(outline(api, known), null, 2))];
  });
}

/** @param {[string | Node, (Node | string)[]][]} rows @returns {HTMLElement} */
function table(rows) {
  return element("dl", {}, ...rows.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, ...text)]));
}

/** @param {Parameter} parameter @returns {[Node, (Node | string)[]]} */
function parameterRow({ name, in: place, required, description }) {
  return [element("code", {}, name), [`${place}${required ? "" : ", optional"}. `, ...prose(description ?? "")]];
}

/** @param {OpenApi} api @param {string} path @param {string} method @param {Operation} operation @returns {Node} */
function details(api, path, method, operation) {
  const { parameters = [], requestBody, responses, security } = operation;
  const shown = parameters.filter((parameter) => parameter.in !== "cookie");
  const answers = Object.entries(responses).map(
    ([status, body]) => /** @type {[string, Node[]]} */ ([status, [element("span", {}, body.description ?? ""), ...content(api, body)]]),
  );
  return element(
    "details",
    { class: "operation" },
    element(
      "summary",
      {},
      element("code", { class: "method" }, method.toUpperCase()),
      element("code", { class: "address" }, path),
      element("span", { class: "quiet" }, operation.summary ?? ""),
    ),
    element(
      "div",
      {},
      element("p", {}, ...prose(operation.description ?? "")),
      element("p", { class: "quiet" }, security ? "For those who are signed in." : "For anyone."),
      ...(shown.length ? [element("h4", {}, "Parameters"), table(shown.map(parameterRow))] : []),
      ...(requestBody ? [element("h4", {}, "Body"), ...content(api, requestBody)] : []),
      element("h4", {}, "Answers"),
      table(answers),
    ),
  );
}

/** @param {OpenApi} api @returns {Node[]} */
function sections(api) {
  /** @type {Map<string, Node[]>} */
  const byTag = new Map();
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), details(api, path, method, operation)]);
    }
  }
  return [...byTag].map(([tag, operations]) => element("section", {}, element("h2", {}, tag), ...operations));
}

/** @returns {Promise<void>} */
async function main() {
  const operations = /** @type {HTMLElement} */ (document.getElementById("operations"));
  try {
    const answer = await fetch("openapi.json");
    /** @type {OpenApi} */
    const api = await answer.json();
    operations.replaceChildren(...sections(api));
    const paragraphs = (api.info.description ?? "").split("\n\n").map((text) => element("p", {}, ...prose(text)));
    document.getElementById("description")?.replaceChildren(...paragraphs);
  } catch (error) {
    operations.replaceChildren(element("p", {}, `openapi.json can't be read: ${error}`));
  }
  operations.setAttribute("aria-busy", "false");
}

void main();
