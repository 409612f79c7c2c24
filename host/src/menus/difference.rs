//! Where two menus differ, field by field.

use serde_json::Value;

use crate::model::{ConditionalMenu, Menu};

/// A field that is not the same in both.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its path, such as `buttons[0].name`; indexes are those of the menu after.
    pub field: String,
    /// Null when there is none.
    pub before: Value,
    /// Null when there is none.
    pub after: Value,
}

/// Where two menus differ. Conditional menus with the same conditions are compared with each other, wherever they stand.
pub fn differences(before: &Menu, after: &Menu) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("buttons", json(&before.buttons), json(&after.buttons), &mut found);
    let counterpart = |menus: &[ConditionalMenu], menu: &ConditionalMenu| {
        menus.iter().position(|other| other.matchrule == menu.matchrule)
    };
    for (index, menu) in after.conditional.iter().enumerate() {
        let earlier = counterpart(&before.conditional, menu).and_then(|at| before.conditional.get(at));
        compare(&format!("conditional[{index}]"), earlier.map_or(Value::Null, json), json(menu), &mut found);
    }
    let is_gone = |menu: &&ConditionalMenu| counterpart(&after.conditional, menu).is_none();
    let gone = before.conditional.iter().filter(is_gone);
    found.extend(gone.map(|menu| Difference {
        field: "conditional".to_owned(),
        before: json(menu),
        after: Value::Null,
    }));
    // A user whom several fit sees the first, so their order matters.
    let order: Vec<_> = after.conditional.iter().filter_map(|menu| counterpart(&before.conditional, menu)).collect();
    if !order.is_sorted() {
        let rules = |menu: &Menu| menu.conditional.iter().map(|menu| json(&menu.matchrule)).collect();
        found.push(Difference { field: "conditional".to_owned(), before: rules(before), after: rules(after) });
    }
    found
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn compare(path: &str, before: Value, after: Value, found: &mut Vec<Difference>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(mut before), Value::Object(mut after)) => {
            let mut names: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
            names.sort();
            names.dedup();
            for name in names {
                let (before, after) = (before.remove(&name), after.remove(&name));
                compare(&format!("{path}.{name}"), before.unwrap_or_default(), after.unwrap_or_default(), found);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let length = before.len().max(after.len());
            let (mut before, mut after) = (before.into_iter(), after.into_iter());
            for index in 0..length {
                let (before, after) = (before.next().unwrap_or_default(), after.next().unwrap_or_default());
                compare(&format!("{path}[{index}]"), before, after, found);
            }
        }
        (before, after) => found.push(Difference { field: path.to_owned(), before, after }),
    }
}
