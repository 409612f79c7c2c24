//! Users in memory.

use std::collections::BTreeMap;

use super::{
    abilities::Ability,
    state::{Part, State, denied, with},
};
use crate::{
    error::Error,
    users::{Tag, User},
};

/// How long the name of a tag and a remark may be, in characters.
const LONGEST: usize = 30;

/// How many tags a user may have.
const MOST_TAGS: usize = 20;

#[derive(Default)]
pub(super) struct Users {
    pub(super) granted: bool,
    pub(super) all: BTreeMap<String, User>,
}

fn users<T>(look: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
    with(|state| {
        if !state.users.granted {
            return Err(denied("users"));
        }
        state.meets(Part::Users)?;
        look(state)
    })
}

fn user<'a>(all: &'a mut BTreeMap<String, User>, openid: &str) -> Result<&'a mut User, Error> {
    all.get_mut(openid).ok_or_else(|| Error::NotFound(format!("there is no user `{openid}`")))
}

pub(crate) fn find(openid: &str) -> Result<Option<User>, Error> {
    users(|state| Ok(state.users.all.get(openid).cloned()))
}

pub(crate) fn fetch(openid: &str) -> Result<User, Error> {
    users(|state| {
        Ability::Users.require(state.app.kind)?;
        user(&mut state.users.all, openid).cloned()
    })
}

pub(crate) fn set_remark(openid: &str, remark: &str) -> Result<(), Error> {
    users(|state| {
        if remark.chars().count() > LONGEST || remark.chars().any(char::is_control) {
            return Err(Error::Invalid(format!("remark: at most {LONGEST} characters on one line")));
        }
        let user = user(&mut state.users.all, openid)?;
        Ability::Users.require(state.app.kind)?;
        remark.clone_into(&mut user.remark);
        Ok(())
    })
}

pub(crate) fn add_tag(openid: &str, name: &str) -> Result<(), Error> {
    users(|state| {
        // The real host looks for the tag first, and asks WeChat for those of the account.
        Ability::Users.require(state.app.kind)?;
        let all = &mut state.users.all;
        let is_name = (1..=LONGEST).contains(&name.chars().count()) && !name.trim().is_empty();
        if !is_name || name.chars().any(char::is_control) {
            return Err(Error::Invalid(format!("name: 1 to {LONGEST} characters on one line")));
        }
        let tags = || all.values().flat_map(|user| &user.tags);
        // WeChat gives the tags of an account numbers from 100 on.
        let id = tags()
            .find(|tag| tag.name == name)
            .map_or_else(|| tags().map(|tag| tag.id).max().unwrap_or(99) + 1, |tag| tag.id);
        let user = user(all, openid)?;
        if user.tags.iter().all(|tag| tag.id != id) {
            if user.tags.len() >= MOST_TAGS {
                return Err(Error::Limited(format!("a user has {MOST_TAGS} tags at most: take one off first")));
            }
            user.tags.push(Tag { id, name: name.to_owned() });
        }
        Ok(())
    })
}

pub(crate) fn remove_tag(openid: &str, name: &str) -> Result<(), Error> {
    users(|state| {
        Ability::Users.require(state.app.kind)?;
        let all = &mut state.users.all;
        if all.values().flat_map(|user| &user.tags).all(|tag| tag.name != name) {
            // Nobody has it.
            return Ok(());
        }
        user(all, openid)?.tags.retain(|tag| tag.name != name);
        Ok(())
    })
}
