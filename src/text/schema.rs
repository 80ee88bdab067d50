//! JSON Schema, draft 7, of the files that people write: what all their readers share. Judges no file; the readers do.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The schema of a file whose shape is `T`, under this name: no key but those that are known and those that begin with `x-`, and nothing left empty.
pub fn schema_of<T: JsonSchema>(name: &str) -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    RecursiveTransform(strict).transform(&mut schema);
    schema.insert("$id".to_owned(), json!(format!("urn:runbook:schema:{name}:1")));
    schema.to_value()
}

/// Exactly one of these keys, as a list for `oneOf`.
pub fn one_of(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

/// What every reader asks of every map and every value.
fn strict(schema: &mut Schema) {
    let Some(map) = schema.as_object_mut() else { return };
    without_null(map);
    if map.contains_key("properties") && map.get("type").is_some_and(|kind| kind == "object") {
        map.insert("additionalProperties".to_owned(), json!(false));
        map.insert("patternProperties".to_owned(), json!({ "^x-": true }));
    }
}

/// A word that may be left out is left out as a whole: `owner:` without a value is refused.
fn without_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = map.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(choices)) = map.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [only] = choices.as_slice() {
        let only = only.clone();
        map.remove("anyOf");
        map.insert("allOf".to_owned(), json!([only])); // not beside it: draft 7 ignores what stands beside a reference
    }
}

/// A kind of value with one schema, written where it is used.
macro_rules! value {
    ($(#[$doc:meta])* $name:ident, $schema:tt) => {
        $(#[$doc])*
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

value!(
    /// A text that is not blank.
    TextValue, { "type": "string", "pattern": "\\S" }
);
value!(
    /// Any single value as it is written.
    WrittenValue, { "type": ["string", "number", "boolean"] }
);
value!(
    /// A length of time with its unit.
    PeriodValue, { "type": "string", "pattern": "^\\s*([0-9]+(\\.[0-9]+)?\\s*(h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|ms|millis|milliseconds?)[\\s,]*)+$" }
);
value!(
    /// A length of time, or a template that gives one.
    PeriodTemplate, { "type": "string", "pattern": "\\{\\{|^\\s*([0-9]+(\\.[0-9]+)?\\s*(h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|ms|millis|milliseconds?)[\\s,]*)+$" }
);
value!(
    /// An amount of bytes with its unit.
    BytesValue, { "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*([kKmMgGtT][iI]?)?[bB]\\s*$" }
);
value!(
    /// A runbook's or a step's name for programs.
    SlugValue, { "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 100 }
);
value!(
    /// A file of the library's scripts/, by its path from there.
    LibraryFile, { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$" }
);
value!(
    /// An absolute path, or a template that gives one.
    PathValue, { "type": "string", "pattern": "^(/|\\{\\{)" }
);
