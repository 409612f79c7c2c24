//! What WeChat sent, as a tree in one flat list: the shape that XML and JSON share.
//!
//! A JSON object's members become elements of that name, an array becomes an element that repeats.
//! An element has children or text; text beside children is dropped.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

use crate::message::{Field, MAX_BODY, ParseError};
use crate::{json, xml};

/// How deep elements may nest. WeChat's deepest events need five.
pub(crate) const MAX_DEPTH: usize = 16;

/// How many elements a body may have. WeChat's largest events have some hundred.
const MAX_ELEMENTS: usize = 1000;

/// How long a name may be, and in XML the whole tag with the attributes that nobody reads, in bytes.
pub(crate) const MAX_TAG: usize = 256;

/// All elements of a body in the order of their beginnings, the root first.
pub(crate) struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    name: Cow<'a, str>,
    text: Cow<'a, str>,
    parent: Option<usize>,
    /// The place after the last element inside this one.
    end: usize,
}

impl<'a> Document<'a> {
    /// Reads a body: JSON when it begins with `{`, XML otherwise.
    pub(crate) fn read(body: &'a str) -> Result<Self, ParseError> {
        if body.len() > MAX_BODY {
            return Err(ParseError::TooLarge);
        }
        let body = body.strip_prefix('\u{feff}').unwrap_or(body);
        // Neither format allows it, and databases do not take it.
        if body.contains('\0') {
            return Err(ParseError::Malformed);
        }
        if body.trim_start().starts_with('{') { json::read(body) } else { xml::read(body) }
    }

    /// What the root is called.
    pub(crate) fn root_name(&self) -> &str {
        self.nodes.first().map_or("", |root| &root.name)
    }

    pub(crate) fn root(&self) -> Element<'_> {
        Element { document: self, index: 0 }
    }

    /// A hash of every element below the root, with its place, in lower-case hexadecimal. `Encrypt`
    /// does not count: it differs each time that the same is sent.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha1::new();
        for node in self.nodes.iter().skip(1) {
            let parent = node.parent.unwrap_or_default();
            if parent == 0 && node.name == "Encrypt" {
                continue;
            }
            // No text holds a NUL, so it marks the end of each without doubt.
            for text in [&node.name, &node.text] {
                hash.update(text.as_bytes());
                hash.update(b"\0");
            }
            hash.update(parent.to_le_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// Every element without children, with its path below the root.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::with_capacity(self.nodes.len());
        let mut path = String::new();
        // Where each open element ends, and how long the path was before it.
        let mut open: Vec<(usize, usize)> = Vec::with_capacity(MAX_DEPTH);
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            while let Some((_, before)) = open.pop_if(|(end, _)| *end <= index) {
                path.truncate(before);
            }
            let before = path.len();
            if before > 0 {
                path.push('/');
            }
            path.push_str(&node.name);
            if node.end > index + 1 {
                open.push((node.end, before));
            } else {
                fields.push(Field { path: path.clone(), value: node.text.clone().into_owned() });
                path.truncate(before);
            }
        }
        fields
    }
}

/// A number is missing where it is needed, or is none.
pub(crate) struct NotANumber;

/// One element of a document.
#[derive(Clone, Copy)]
pub(crate) struct Element<'d> {
    document: &'d Document<'d>,
    index: usize,
}

impl<'d> Element<'d> {
    fn node(self) -> Option<&'d Node<'d>> {
        self.document.nodes.get(self.index)
    }

    /// The text of this element; empty when it has children.
    pub(crate) fn value(self) -> &'d str {
        self.node().map_or("", |node| &node.text)
    }

    fn children(self) -> impl Iterator<Item = (&'d str, Self)> {
        let document = self.document;
        let end = self.node().map_or(0, |node| node.end);
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            let index = next;
            let node = document.nodes.get(index).filter(|_| index < end)?;
            next = node.end;
            Some((&*node.name, Self { document, index }))
        })
    }

    /// The names and texts of the children; none when one of them has children itself.
    pub(crate) fn leaves(self) -> Option<Vec<(&'d str, &'d str)>> {
        self.children().map(|(name, child)| Some((name, child.leaf()?))).collect()
    }

    /// The text of an element that has no children.
    fn leaf(self) -> Option<&'d str> {
        self.node().filter(|node| node.end == self.index + 1).map(|node| &*node.text)
    }

    /// The names and texts of those children that have none themselves.
    pub(crate) fn only_leaves(self) -> Vec<(&'d str, &'d str)> {
        self.children().filter_map(|(name, child)| Some((name, child.leaf()?))).collect()
    }

    /// An object of the children, with an array where a name repeats; the text where there are none.
    pub(crate) fn to_json(self) -> Value {
        let mut members = Map::new();
        for (name, child) in self.children() {
            let value = child.to_json();
            match members.get_mut(name) {
                None => drop(members.insert(name.to_owned(), value)),
                Some(Value::Array(items)) => items.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        if members.is_empty() { self.value().into() } else { members.into() }
    }

    /// The first child of that name.
    pub(crate) fn child(self, name: &str) -> Option<Self> {
        self.children().find(|(found, _)| *found == name).map(|(_, child)| child)
    }

    /// Every element below this one that the names lead to, however often each of them repeats.
    pub(crate) fn all(self, path: &[&str]) -> Vec<Self> {
        let mut found = vec![self];
        for name in path {
            found = found
                .into_iter()
                .flat_map(Element::children)
                .filter(|(child, _)| child == name)
                .map(|(_, child)| child)
                .collect();
        }
        found
    }

    /// The text of a child; empty when there is none.
    pub(crate) fn text(self, name: &str) -> String {
        self.child(name).map_or("", |child| child.value()).to_owned()
    }

    /// The text of a child that may be absent or empty.
    pub(crate) fn optional(self, name: &str) -> Option<String> {
        self.child(name).map(Element::value).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// An integer, exactly: it never passes through a floating-point number.
    pub(crate) fn integer<T: FromStr>(self, name: &str) -> Result<T, NotANumber> {
        self.optional_integer(name)?.ok_or(NotANumber)
    }

    /// An integer that may be absent or empty, but not something else.
    pub(crate) fn optional_integer<T: FromStr>(self, name: &str) -> Result<Option<T>, NotANumber> {
        let text = self.child(name).map_or("", |child| child.value()).trim();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| NotANumber)
    }

    /// A decimal fraction, such as a latitude.
    pub(crate) fn fraction(self, name: &str) -> Result<f64, NotANumber> {
        let text = self.child(name).ok_or(NotANumber)?.value().trim();
        let number: f64 = text.parse().map_err(|_| NotANumber)?;
        if number.is_finite() { Ok(number) } else { Err(NotANumber) }
    }
}

/// Builds a document while a body is read, within the limits.
pub(crate) struct Builder<'a> {
    nodes: Vec<Node<'a>>,
    current: Option<usize>,
    depth: usize,
}

impl<'a> Builder<'a> {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::with_capacity(16), current: None, depth: 0 }
    }

    /// Whether no element has begun yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether we are before or after the root.
    pub(crate) fn is_outside(&self) -> bool {
        self.current.is_none()
    }

    /// Begins an element inside the current one.
    pub(crate) fn open(&mut self, name: Cow<'a, str>) -> Result<(), ParseError> {
        if self.is_outside() && !self.is_empty() {
            return Err(ParseError::Malformed);
        }
        if name.len() > MAX_TAG {
            return Err(ParseError::TagTooLong);
        }
        if self.depth == MAX_DEPTH {
            return Err(ParseError::TooDeep);
        }
        let index = self.nodes.len();
        if index == MAX_ELEMENTS {
            return Err(ParseError::TooManyElements);
        }
        if let Some(parent) = self.leaf_text() {
            *parent = Cow::Borrowed("");
        }
        self.nodes.push(Node { name, text: Cow::Borrowed(""), parent: self.current, end: index + 1 });
        self.current = Some(index);
        self.depth += 1;
        Ok(())
    }

    /// An element without children.
    pub(crate) fn leaf(&mut self, name: Cow<'a, str>, text: Cow<'a, str>) -> Result<(), ParseError> {
        self.open(name)?;
        if let Some(place) = self.leaf_text() {
            *place = text;
        }
        self.close();
        Ok(())
    }

    /// The text of the current element, as long as it has no children.
    pub(crate) fn leaf_text(&mut self) -> Option<&mut Cow<'a, str>> {
        let index = self.current?;
        if self.nodes.len() == index + 1 { self.nodes.get_mut(index).map(|node| &mut node.text) } else { None }
    }

    /// Ends the current element.
    pub(crate) fn close(&mut self) {
        let end = self.nodes.len();
        if let Some(node) = self.current.and_then(|index| self.nodes.get_mut(index)) {
            node.end = end;
            self.current = node.parent;
            self.depth -= 1;
        }
    }

    pub(crate) fn finish(self) -> Result<Document<'a>, ParseError> {
        if self.is_empty() || !self.is_outside() {
            return Err(ParseError::Malformed);
        }
        Ok(Document { nodes: self.nodes })
    }
}
