//! What is shown, as the text of a file: CSV and JSON have the figures of the screen, SVG is the
//! screen itself.

use std::{collections::BTreeSet, time::UNIX_EPOCH};

use hwptop_agent::{
    nanos,
    snapshot::{CSV_HEADER, ObjectScope, ObjectSnapshot, Scope, Snapshot, csv_quoted, csv_rows},
};
use serde_json::{Value, json};

use crate::{App, Export, ExportForm, health, pages, rows, screen::Screen};

mod comparison;

/// Schema of the slow requests of a screen in JSON.
const SLOW_SCHEMA: &str = "hwptop.slow/1";
/// Schema of the screen of how the figures are taken, in JSON.
const HEALTH_SCHEMA: &str = "hwptop.health/1";

/// Those of a slow request in the JSON of a snapshot, in the same units.
const SLOW_COLUMNS: [&str; 18] = [
    "ended_at_unix_ns",
    "stage",
    "latency_ns",
    "errno",
    "errno_name",
    "instance",
    "hwpt",
    "process",
    "pid",
    "tid",
    "cpu",
    "items",
    "asked",
    "driver_op_ns",
    "submissions",
    "commands",
    "submissions_ns",
    "stack",
];
const HEALTH_COLUMNS: [&str; 3] = ["section", "text", "is_alarm"];

impl App {
    /// What is shown in `form`, on a screen of so many columns and rows.
    ///
    /// # Errors
    /// Why there is nothing to write.
    pub(crate) fn export(&self, form: ExportForm, size: (u16, u16)) -> Result<Export, String> {
        let snapshot = self.picture().snapshot.as_ref();
        let snapshot = snapshot.ok_or_else(|| "nothing has been measured yet".to_owned())?;
        let scope = self.scope();
        let text = match form {
            ExportForm::Svg => Ok(self.to_svg(size.0, size.1)),
            ExportForm::Csv => self.csv(&scope, snapshot),
            ExportForm::Json => self.json(&scope, snapshot).map(|json| format!("{json}\n")),
        };
        let screen = match self.screens.below_help().screen {
            Screen::Part(_) => None,
            Screen::Instances => Some("instances"),
            Screen::Outliers => Some("outliers"),
            Screen::Outlier(_) => Some("outlier"),
            Screen::Compare => Some("compare"),
            Screen::Health => Some("health"),
            Screen::Help => Some("help"),
        };
        Ok(Export {
            text: text?,
            form,
            screen,
            scope,
        })
    }

    fn csv(&self, scope: &Scope, snapshot: &Snapshot) -> Result<String, String> {
        match self.screens.below_help().screen {
            Screen::Outliers | Screen::Outlier(_) => Ok(csv(&SLOW_COLUMNS, &self.slow()?)),
            Screen::Compare => Ok(csv(&comparison::COLUMNS, &comparison::rows(self, scope)?)),
            Screen::Health => Ok(csv(&HEALTH_COLUMNS, &self.health(snapshot))),
            Screen::Instances | Screen::Part(_) | Screen::Help => {
                let rows = csv_rows(&self.rows_of(scope, snapshot)).into_iter();
                Ok(lines([CSV_HEADER.to_owned()].into_iter().chain(rows)))
            }
        }
    }

    fn json(&self, scope: &Scope, snapshot: &Snapshot) -> Result<Value, String> {
        let (schema, name, rows) = match self.screens.below_help().screen {
            Screen::Outliers | Screen::Outlier(_) => (SLOW_SCHEMA, "slow", self.slow()?),
            Screen::Health => (HEALTH_SCHEMA, "lines", self.health(snapshot)),
            Screen::Compare => return comparison::document(self, scope, snapshot),
            Screen::Instances | Screen::Part(_) | Screen::Help => {
                let shown = self.rows_of(scope, snapshot);
                return serde_json::to_value(shown.document()).map_err(|error| error.to_string());
            }
        };
        Ok(json!({
            "schema": schema,
            "taken_at_unix_ns": taken_at(snapshot),
            "of": of(scope),
            name: rows,
        }))
    }

    /// What belongs to `scope`, which the screen is of; where rows are filtered, of that what
    /// belongs to those that are shown. What a screen has above its rows stays.
    fn rows_of(&self, scope: &Scope, snapshot: &Snapshot) -> Snapshot {
        let place = self.screens.below_help();
        let mut shown = snapshot.narrowed(scope);
        if place.filter.is_empty() {
            return shown;
        }
        let listed = rows::listed(self, place, snapshot);
        let rows: BTreeSet<&Scope> = listed.scopes.iter().collect();
        if place.screen == Screen::Instances {
            let scope = |name: &str| Scope::Instance(name.to_owned());
            let instances = &mut shown.instances;
            instances.retain(|one| rows.contains(&scope(&one.name)));
        }
        // Whoever reached no instance is a row of each.
        let objects = snapshot.objects.iter();
        let objects = objects.filter(|one| is_among(&rows, snapshot, one));
        shown.objects = objects.cloned().collect();
        let slow = &mut shown.slow;
        slow.retain(|event| rows.iter().any(|row| row.has_slow(event)));
        let failures = &mut shown.failures;
        failures.retain(|failed| rows.iter().any(|row| row.has_failed(failed)));
        shown
    }

    /// The slow requests of the screen, in its order.
    fn slow(&self) -> Result<Vec<Value>, String> {
        let place = self.screens.below_help();
        let outliers = match place.screen {
            Screen::Outlier(number) => {
                let outliers = self.picture().history.outliers();
                outliers.get(number).into_iter().collect()
            }
            _ => pages::shown(self, place),
        };
        let documents = outliers.into_iter().map(|one| one.event.document());
        let values: Result<_, _> = documents.map(serde_json::to_value).collect();
        values.map_err(|error| error.to_string())
    }

    fn health(&self, snapshot: &Snapshot) -> Vec<Value> {
        let sections = health::sections(snapshot, &self.picture().history, self.bytes());
        let lines = sections.iter().flat_map(|section| {
            section.lines.iter().map(|line| {
                json!({"section": section.title, "text": line.text, "is_alarm": line.is_alarm})
            })
        });
        lines.collect()
    }
}

/// Whether `object` is one of `rows`, or of an instance that is.
fn is_among(rows: &BTreeSet<&Scope>, snapshot: &Snapshot, object: &ObjectSnapshot) -> bool {
    let instance = object.instance.and_then(|one| snapshot.instance_name(one));
    let instance = instance.map(|name| Scope::Instance(name.to_owned()));
    let scopes = Scope::of_object(snapshot, object).into_iter();
    scopes.chain(instance).any(|scope| rows.contains(&scope))
}

/// When the interval ended, in nanoseconds since 1970.
fn taken_at(snapshot: &Snapshot) -> u64 {
    let since = snapshot.taken_at.duration_since(UNIX_EPOCH);
    nanos(since.unwrap_or_default())
}

/// What a part is, by the names that its columns have in CSV.
fn of(scope: &Scope) -> Value {
    match scope {
        Scope::Everything => json!({}),
        Scope::Instance(name) => json!({"instance": name}),
        Scope::Process(id) => json!({"pid": id}),
        Scope::Object(ObjectScope {
            instance,
            process,
            context,
            hwpt,
        }) => json!({"instance": instance, "pid": process, "context": context, "hwpt": hwpt}),
    }
}

/// Of each of `rows` the values that `columns` name; what is absent is empty.
fn csv(columns: &[&str], rows: &[Value]) -> String {
    let cells = |row: &Value| {
        let cells = columns.iter().map(|column| cell(&row[*column]));
        cells.collect::<Vec<_>>().join(",")
    };
    lines(
        [columns.join(",")]
            .into_iter()
            .chain(rows.iter().map(cells)),
    )
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => csv_quoted(text),
        Value::Array(texts) => {
            let texts = texts.iter().filter_map(Value::as_str);
            csv_quoted(&texts.collect::<Vec<_>>().join(";"))
        }
        other => other.to_string(),
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests;
