//! Where panels stand: from left to right, in rows that are open or collapsed.

use serde_json::{Value, json};

use super::panel::Panel;
use super::{Cost, MAX_PANELS, OPEN_PANELS};

/// Columns of a dashboard.
const COLUMNS: u32 = 24;

/// A row to be placed.
#[derive(Debug)]
pub(super) struct Row {
    /// What is above it.
    pub title: String,
    /// The variable for each of whose values the row is repeated.
    pub repeat: Option<&'static str>,
    /// What is in it.
    pub panels: Vec<Panel>,
}

/// The panels of a dashboard in their places, and what they cost.
#[derive(Debug, Default)]
pub(super) struct Layout {
    panels: Vec<Value>,
    cost: Cost,
    ids: Vec<u32>,
    y: u32,
    /// Panels that had no place.
    pub left_out: usize,
}

impl Layout {
    /// Places rows one below the other. From the row on that has the thirteenth panel they are
    /// collapsed; the first never is.
    pub(super) fn of(rows: Vec<Row>) -> Self {
        let mut layout = Self::default();
        for (number, row) in rows.into_iter().filter(|row| !row.panels.is_empty()).enumerate() {
            layout.row(row, number == 0);
        }
        layout
    }

    fn row(&mut self, mut row: Row, first: bool) {
        let room = MAX_PANELS.saturating_sub(self.cost.panels);
        self.left_out += row.panels.len().saturating_sub(room);
        row.panels.truncate(room);
        if row.panels.is_empty() {
            return;
        }
        let collapsed = !first && self.cost.panels + row.panels.len() > OPEN_PANELS;
        let id =
            self.id(row.title.bytes().fold(17, |sum, byte| sum * 31 % 65_521 + u32::from(byte)));
        let mut json = json!({
            "id": id,
            "type": "row",
            "title": row.title,
            "collapsed": collapsed,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": self.y},
            "panels": [],
        });
        self.y += 1;
        let (mut x, mut height, mut y) = (0, 0, self.y);
        let mut placed = Vec::new();
        for panel in row.panels {
            let (w, h) = panel.size;
            if x + w > COLUMNS {
                (x, y, height) = (0, y + height, 0);
            }
            let id = self.id(panel.id);
            self.cost.panels += 1;
            self.cost.all += panel.entries();
            self.cost.open += if collapsed { 0 } else { panel.entries() };
            placed.push(panel.json(id, json!({"h": h, "w": w, "x": x, "y": y})));
            (x, height) = (x + w, height.max(h));
        }
        if let (Some(fields), Some(variable)) = (json.as_object_mut(), row.repeat) {
            fields.insert("repeat".into(), variable.into());
        }
        if !collapsed {
            self.y = y + height;
            self.panels.push(json);
            self.panels.extend(placed);
            return;
        }
        // What is collapsed takes the place of its title alone.
        if let Some(fields) = json.as_object_mut() {
            fields.insert("panels".into(), Value::Array(placed));
        }
        self.panels.push(json);
    }

    /// An id that no other panel has: links to a panel go on when others are added.
    fn id(&mut self, wanted: u32) -> u32 {
        let mut id = wanted.max(1);
        while self.ids.contains(&id) {
            id += 1;
        }
        self.ids.push(id);
        id
    }

    /// The panels, and what they cost.
    pub(super) fn finish(self, title: &str) -> (Vec<Value>, Cost) {
        (self.panels, Cost { title: title.to_owned(), ..self.cost })
    }
}
