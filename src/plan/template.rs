//! Renders templates and expressions, once and strictly. What a host printed is data for ever: a value is never rendered again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::filters;
use super::looks::Looks;
use super::quote::{Insert, MARK, QuoteError, insert};
use super::value::{Duration, Given, Raw, Registered};
use crate::base::HostName;

/// Steps of the template machine before it is stopped: a loop over a thousand hosts needs about ten thousand.
const FUEL: u64 = 200_000;

/// The statements that command text may use. Others (`set`, `filter`, `macro`, …) render parts apart from where they stand, which cannot be quoted.
const STATEMENTS: [&str; 6] = ["for", "endfor", "if", "elif", "else", "endif"];

/// Why a template or an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not well-formed, or an operation that its values do not allow. `line` counts from 1 within the text.
    #[error("{message}")]
    Wrong { message: String, line: Option<usize> },
    /// A name that nothing defines.
    #[error("`{name}` is not defined here; defined are: {known}")]
    Undefined { name: String, known: String },
    /// A place in a command without a safe form.
    #[error(transparent)]
    Quote(#[from] QuoteError),
}

/// The names that a template may use.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    values: BTreeMap<String, Value>,
    looks: Option<Arc<Looks>>,
}

impl Scope {
    /// Parameters and registered results.
    pub fn new<'a>(
        parameters: impl IntoIterator<Item = (&'a String, &'a Given)>,
        registered: impl IntoIterator<Item = (&'a String, &'a Registered)>,
    ) -> Self {
        let mut values: BTreeMap<String, Value> = parameters.into_iter().map(|(name, given)| (name.clone(), given.to_value())).collect();
        values.extend(registered.into_iter().map(|(name, result)| (name.clone(), result.to_value())));
        Self { values, looks: None }
    }

    /// The same with what the look before the step has found.
    pub fn having_looked(&self, looks: Looks) -> Self {
        Self { values: self.values.clone(), looks: Some(Arc::new(looks)) }
    }

    /// What the look before the step has found; no template sees it.
    pub(in crate::plan) fn looks(&self) -> Option<&Looks> {
        self.looks.as_deref()
    }

    /// The same with `host`, the name of the host that it is rendered for.
    pub fn on(&self, host: &HostName) -> Self {
        self.with([("host", Value::from(host.as_str()))])
    }

    /// The same within a turn of a loop: `item`, and `batch`, the names of its hosts.
    pub fn within(&self, turn: &super::program::Turn) -> Self {
        let item = turn.item.as_ref().map(|item| ("item", Value::from(Serde(item))));
        let batch = turn.batch.as_ref().map(|hosts| ("batch", hosts.iter().map(|host| Value::from(host.as_str())).collect()));
        self.with(item.into_iter().chain(batch))
    }

    pub(in crate::plan) fn with<'a>(&self, more: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let mut values = self.values.clone();
        values.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Self { values, looks: self.looks.clone() }
    }

    /// Whether a name is defined.
    pub fn defines(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    fn check(&self, names: BTreeSet<String>) -> Result<(), TemplateError> {
        match names.into_iter().find(|name| !self.defines(name)) {
            None => Ok(()),
            Some(name) => Err(TemplateError::Undefined { name, known: self.values.keys().cloned().collect::<Vec<_>>().join(", ") }),
        }
    }

    fn context(&self) -> Value {
        Value::from_pairs(self.values.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

/// Command text, every value a shell word quoted for where it stands.
///
/// # Errors
/// See [`TemplateError`].
pub fn command(text: &str, scope: &Scope) -> Result<Vec<u8>, TemplateError> {
    statements_allowed(text)?;
    scope.check(names_in_template(text)?)?;
    let values = Arc::new(Mutex::new(Vec::new()));
    let marked = {
        let values = Arc::clone(&values);
        let mut environment = environment();
        environment.set_formatter(move |out, _, value| {
            let inserted = insertion(value)?;
            let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
            values.push(inserted);
            write!(out, "{MARK}{}{MARK}", values.len() - 1).map_err(Error::from)
        });
        environment.render_str(text, scope.context()).map_err(wrong)?
    };
    let values = values.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(insert(&marked, &values)?)
}

/// Whether a command text is well-formed and each of its values stands where it can be quoted, whatever the values will be.
///
/// # Errors
/// See [`TemplateError`]; never `Undefined`.
pub fn check_places(text: &str) -> Result<(), TemplateError> {
    statements_allowed(text)?;
    names_in_template(text)?;
    let mut environment = environment();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(|out, _, _| write!(out, "{MARK}0{MARK}").map_err(Error::from));
    match environment.render_str(text, Value::from_pairs(std::iter::empty::<(&str, Value)>())) {
        Ok(marked) => Ok(insert(&marked, &[Insert::Number("0".to_owned())]).map(|_| ())?),
        Err(error) => unknown_operation(error),
    }
}

/// Whether a plain text is well-formed, and asks for no filter that is not there.
///
/// # Errors
/// See [`TemplateError`]; never `Undefined`.
pub fn check_plain(text: &str) -> Result<(), TemplateError> {
    names_in_template(text)?;
    let mut environment = environment();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.render_str(text, Value::from_pairs(std::iter::empty::<(&str, Value)>())).map(|_| ()).or_else(unknown_operation)
}

/// Whether an expression is well-formed, and asks for no filter that is not there.
///
/// # Errors
/// See [`TemplateError`]; never `Undefined`.
pub fn check_expression(expression: &str) -> Result<(), TemplateError> {
    read_to_its_end(expression)?;
    let mut environment = environment();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let compiled = environment.compile_expression(expression).map_err(wrong)?;
    compiled.eval(Value::from_pairs(std::iter::empty::<(&str, Value)>())).map(|_| ()).or_else(unknown_operation)
}

/// Without values most operations fail; that one is not there is known without.
fn unknown_operation(error: Error) -> Result<(), TemplateError> {
    match error.kind() {
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => Err(wrong(error)),
        _ => Ok(()), // a filter that needs a value: that is seen when there is one
    }
}

/// Plain text: a selector, a duration, instructions for a person. Nothing is quoted.
///
/// # Errors
/// See [`TemplateError`].
pub fn plain(text: &str, scope: &Scope) -> Result<String, TemplateError> {
    scope.check(names_in_template(text)?)?;
    environment().render_str(text, scope.context()).map_err(wrong)
}

/// The same for what a file is to hold: its last newline is kept, and a line that holds a statement alone leaves no empty line behind.
///
/// # Errors
/// See [`TemplateError`].
pub fn whole(text: &str, scope: &Scope) -> Result<String, TemplateError> {
    scope.check(names_in_template(text)?)?;
    let mut environment = environment();
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).build().map_err(wrong)?);
    environment.render_str(text, scope.context()).map_err(wrong)
}

/// The bytes of a plain text: as [`plain`], but a text that is one value alone may be any bytes.
///
/// # Errors
/// See [`TemplateError`].
pub fn plain_bytes(text: &str, scope: &Scope) -> Result<Vec<u8>, TemplateError> {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(name) = inner.map(str::trim)
        && let Some(bytes) = scope.values.get(name).and_then(Value::as_bytes)
    {
        return Ok(bytes.to_vec());
    }
    plain(text, scope).map(String::into_bytes)
}

/// What `{{ expression }}` is worth, as a list.
///
/// # Errors
/// See [`TemplateError`]; also where it is no list.
pub fn list(text: &str, scope: &Scope) -> Result<Vec<serde_json::Value>, TemplateError> {
    let expression = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text).trim();
    scope.check(names_in_expression(expression)?)?;
    let environment = environment();
    let value = environment.compile_expression(expression).map_err(wrong)?.eval(scope.context()).map_err(wrong)?;
    let wanted = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    let json = serde_json::to_value(&value).ok();
    match json {
        Some(serde_json::Value::Array(items)) if wanted => Ok(items),
        Some(_) | None => Err(TemplateError::Wrong { message: format!("expected a list, got {}", value.kind()), line: None }),
    }
}

/// Whether an expression holds.
///
/// # Errors
/// See [`TemplateError`].
pub fn holds(expression: &str, scope: &Scope) -> Result<bool, TemplateError> {
    scope.check(names_in_expression(expression)?)?;
    let environment = environment();
    let compiled = environment.compile_expression(expression).map_err(wrong)?;
    let value = compiled.eval(scope.context()).map_err(wrong)?;
    if value.is_undefined() {
        return Err(TemplateError::Wrong { message: format!("`{expression}` names a field that is not there"), line: None });
    }
    Ok(value.is_true())
}

/// The names that a template asks for and does not define itself.
///
/// # Errors
/// Where it is not well-formed.
pub fn names_in_template(text: &str) -> Result<BTreeSet<String>, TemplateError> {
    if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
        return Ok(BTreeSet::new());
    }
    let environment = environment();
    let template = environment.template_from_str(text).map_err(wrong)?;
    Ok(template.undeclared_variables(false).into_iter().filter(|name| !BUILT_IN.contains(&name.as_str())).collect())
}

/// The names that an expression asks for.
///
/// # Errors
/// Where it is not well-formed.
pub fn names_in_expression(expression: &str) -> Result<BTreeSet<String>, TemplateError> {
    read_to_its_end(expression)?;
    let environment = environment();
    let compiled = environment.compile_expression(expression).map_err(wrong)?;
    Ok(compiled.undeclared_variables(false).into_iter().filter(|name| !BUILT_IN.contains(&name.as_str())).collect())
}

/// Whether an expression can be read to its end: before a sign that no token begins with (`a && b`), minijinja stops and takes what it has.
fn read_to_its_end(expression: &str) -> Result<(), TemplateError> {
    let environment = environment();
    environment.compile_expression(expression).map_err(wrong)?;
    let closed = format!("({expression}\n)");
    environment
        .compile_expression(&closed)
        .map(|_| ())
        .map_err(|_| TemplateError::Wrong { message: "only its beginning makes sense".to_owned(), line: None })
}

/// Functions of the template language itself.
const BUILT_IN: [&str; 4] = ["range", "dict", "namespace", "debug"];

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    filters::add(&mut environment);
    environment
}

fn statements_allowed(text: &str) -> Result<(), TemplateError> {
    for piece in text.split("{%").skip(1) {
        let word: String = piece.trim_start_matches(['-', '+', ' ', '\n', '\t']).chars().take_while(|c| c.is_ascii_alphabetic()).collect();
        let recursive = piece.split("%}").next().is_some_and(|statement| statement.contains("recursive"));
        if !STATEMENTS.contains(&word.as_str()) || recursive {
            let message = format!("`{{% {word} %}}` has no place in a command: expected one of {}", STATEMENTS.join(", "));
            return Err(TemplateError::Wrong { message, line: None });
        }
    }
    Ok(())
}

fn insertion(value: &Value) -> Result<Insert, Error> {
    let refused = |what: &str| Err(Error::new(ErrorKind::InvalidOperation, what.to_owned()));
    if let Some(raw) = value.downcast_object_ref::<Raw>() {
        return Ok(Insert::Raw(raw.0.clone()));
    }
    if value.downcast_object_ref::<Duration>().is_some() {
        return Ok(Insert::Word(value.to_string().into_bytes()));
    }
    match value.kind() {
        ValueKind::Undefined => refused("a value that is not defined cannot stand in a command"),
        ValueKind::None => refused("a value that is none cannot stand in a command"),
        ValueKind::Bool | ValueKind::String => Ok(Insert::Word(value.to_string().into_bytes())),
        ValueKind::Number => Ok(Insert::Number(value.to_string())),
        ValueKind::Bytes => Ok(Insert::Word(value.as_bytes().unwrap_or_default().to_vec())),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.map(|item| word(&item)).collect::<Result<_, _>>().map(Insert::Words),
        _ => refused("a whole result cannot stand in a command: name a field of it, such as .stdout or .value"),
    }
}

fn word(item: &Value) -> Result<Vec<u8>, Error> {
    match insertion(item)? {
        Insert::Word(bytes) => Ok(bytes),
        Insert::Number(digits) => Ok(digits.into_bytes()),
        Insert::Words(_) | Insert::Raw(_) => Err(Error::new(ErrorKind::InvalidOperation, "a list of lists cannot stand in a command")),
    }
}

fn wrong(error: Error) -> TemplateError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    TemplateError::Wrong { message: detail, line: error.line() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Bytes;
    use crate::event::{Outcome, Reading};
    use crate::plan::value::RegisteredHost;

    fn scope() -> Scope {
        let given = BTreeMap::from([
            ("unit".to_owned(), Given::Text(Bytes::from("a b; rm"))),
            ("within".to_owned(), Given::Duration("2m".parse().unwrap())),
        ]);
        let reading = Reading { stdout: Bytes::from("db-1\n"), stderr: Bytes::default(), value: Some(serde_json::json!({"lag": 3})) };
        let answer = RegisteredHost { ok: true, outcome: Some(Outcome::Exited { code: 0 }), reading: Some(reading) };
        let leader = Registered { hosts: BTreeMap::from([("db-1".parse().unwrap(), answer)]), ..Registered::default() };
        Scope::new(&given, &BTreeMap::from([("leader".to_owned(), leader)]))
    }

    #[test]
    fn parameters_and_results_are_found_by_their_names() {
        assert_eq!(command("restart {{ unit }}", &scope()).unwrap(), b"restart 'a b; rm'");
        assert_eq!(plain("{{ within }} on {{ leader.stdout }}", &scope()).unwrap(), "2m on db-1");
        assert_eq!(plain("{{ leader.hosts[\"db-1\"].exit_code }} {{ leader.value.lag }}", &scope()).unwrap(), "0 3");
        assert_eq!(holds("unit == \"a b; rm\" and leader.ok == [\"db-1\"] and leader.lines == [\"db-1\"]", &scope()), Ok(true));
        assert!(matches!(plain("{{ nobody }}", &scope()), Err(TemplateError::Undefined { .. })));
    }

    #[test]
    fn an_expression_is_read_to_its_end_or_not_at_all() {
        for text in ["unit == \"x\" && false", "true ! x", "true; false", "true ) or ( false", "unit = \"x\"", "true ? 1"] {
            assert!(holds(text, &scope()).is_err() && check_expression(text).is_err(), "{text}");
        }
        assert_eq!(holds("unit == \"&& ;\" or\n true", &scope()), Ok(true));
        assert!(check_expression("unit | lenght > 3").is_err() && check_plain("{{ unit | shellquote }}").is_err());
        assert!(check_expression("unit | length > leader.value.lag | int").is_ok() && check_plain("{{ leader.lines[0] | upper }}").is_ok());
    }
}
