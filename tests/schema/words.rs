//! The words of each map: as a reader tells them when it meets one that it does not know, and as a schema has them. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// By the name of a map's shape: its words.
pub type Words = BTreeMap<String, BTreeSet<String>>;

/// A word of nobody.
const STRANGE: &str = "zzzzzz";

/// The words that a reader knows for each map of a document: each map is given a strange word, and the reader says which it knows.
pub fn words_of_reader(schema: &Value, root: &str, document: &Value, problems: &dyn Fn(&str) -> Vec<(String, String)>) -> Words {
    let mut words = Words::new();
    for path in maps(document, &mut Vec::new()) {
        let mut changed = document.clone();
        changed.pointer_mut(&path).unwrap()[STRANGE] = json!("x");
        let strange = format!("has no key `{STRANGE}`");
        let told = problems(&changed.to_string()).into_iter().find(|(message, _)| message.contains(&strange));
        let Some((_, help)) = told else { continue }; // its keys are names that the author gives
        let known = help.strip_prefix("known here: ").and_then(|rest| rest.split(';').next()).expect("what is known");
        let shapes: Vec<String> = shapes_at(schema, root, &path);
        assert_eq!(shapes.len(), 1, "{path} has one shape in the schema, got {shapes:?}");
        words.entry(shapes[0].clone()).or_default().extend(known.split(", ").map(str::to_owned));
    }
    words
}

fn maps(value: &Value, path: &mut Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut below = |key: String, value: &Value, path: &mut Vec<String>| {
        path.push(key.replace('~', "~0").replace('/', "~1"));
        found.extend(maps(value, path));
        path.pop();
    };
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| below(key.clone(), value, path));
            found.push(path.iter().map(|part| format!("/{part}")).collect());
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| below(index.to_string(), value, path)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// The words of every shape of a schema.
pub fn words_of_schema(schema: &Value, root: &str) -> Words {
    let definitions = schema["definitions"].as_object().into_iter().flatten().map(|(name, shape)| (name.as_str(), shape));
    let all = definitions.chain([(root, schema)]);
    let words = |shape: &Value| Some(shape.get("properties")?.as_object()?.keys().cloned().collect());
    all.filter_map(|(name, shape)| Some((name.to_owned(), words(shape)?))).collect()
}

/// What a schema says of a word.
pub fn description(schema: &Value, root: &str, shape: &str, word: &str) -> String {
    let shape = if shape == root { schema } else { &schema["definitions"][shape] };
    shape["properties"][word]["description"].as_str().unwrap_or_default().to_owned()
}

/// The names of the shapes with words of their own that a schema has at a place.
fn shapes_at(schema: &Value, root: &str, path: &str) -> Vec<String> {
    let mut here = vec![(root.to_owned(), schema)];
    for part in path.split('/').skip(1) {
        let next = here.iter().flat_map(|(_, shape)| inside(shape, part));
        here = next.flat_map(|shape| opened(schema, shape)).collect();
    }
    here.into_iter().filter(|(_, shape)| shape.get("properties").is_some()).map(|(name, _)| name).collect()
}

fn inside<'s>(shape: &'s Value, part: &str) -> Vec<&'s Value> {
    let named = shape.get("properties").and_then(|properties| properties.get(part));
    let any = || shape.get("additionalProperties").filter(|any| any.is_object());
    named.or_else(any).or_else(|| shape.get("items")).into_iter().collect()
}

/// A shape with what it refers to and what it may be.
fn opened<'s>(schema: &'s Value, shape: &'s Value) -> Vec<(String, &'s Value)> {
    if let Some(name) = shape.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or_default();
        let mut found = vec![(name.to_owned(), &schema["definitions"][name])];
        found.extend(choices(&schema["definitions"][name]).flat_map(|choice| opened(schema, choice)));
        return found;
    }
    let mut found = vec![(String::new(), shape)];
    found.extend(choices(shape).flat_map(|choice| opened(schema, choice)));
    found
}

fn choices(shape: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "allOf"]
        .into_iter()
        .filter_map(|word| shape.get(word)?.as_array())
        .flatten()
        .filter(|choice| choice.get("$ref").is_some() || choice.get("items").is_some())
}
