//! What is shown, as the text of a file: CSV and JSON have the figures of the screen, SVG is the
//! screen itself.

use std::time::UNIX_EPOCH;

use hwptop_agent::{
    nanos,
    snapshot::{CSV_HEADER, ObjectScope, Scope, Snapshot, csv_quoted, csv_rows},
};
use serde_json::{Value, json};

use crate::{App, Export, ExportForm, health, pages, screen::Screen};

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
                let rows = csv_rows(&snapshot.narrowed(scope)).into_iter();
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
                let document = snapshot.narrowed(scope).document();
                return serde_json::to_value(document).map_err(|error| error.to_string());
            }
        };
        Ok(json!({
            "schema": schema,
            "taken_at_unix_ns": taken_at(snapshot),
            "of": of(scope),
            name: rows,
        }))
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
