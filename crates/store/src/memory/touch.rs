//! What a statement changes, as its text and its arguments say.

use crate::value::Value;
use foundation::{ApplicationId, ClientId, DevBrowserId, Id, IdentifierId, InstanceId, OrganizationId, SessionId, UserId};
use std::collections::BTreeSet;

/// What a statement changes of what may be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// Nothing: it reads, or its table is one that nothing remembered is made from.
    Nothing,
    /// The rows that its arguments name by their ids; without an id, as [`Touch::Everything`].
    Named,
    /// Everything of its instance; above the instances, everything of all.
    Everything,
}

/// Tables that nothing remembered is made from.
const UNHEARD: &[&[u8]] = &[
    b"audit",
    b"code_budgets",
    b"conversion_copies",
    b"conversions",
    b"counters",
    b"data_keys",
    b"events",
    b"images",
    b"jobs",
    b"known_devices",
    b"once",
    b"organization_domains",
    b"organization_membership_requests",
    b"organization_suggestions",
    b"organization_invitations",
    b"plans",
    b"pool_names",
    b"platform_tokens",
    b"redirect_urls",
    b"schema_migrations",
    b"sign_ins",
    b"sign_ups",
    b"spare_keys",
    b"tickets",
    b"upload_budgets",
    b"workspaces",
];

/// Tables whose statements name the rows: by their own id, or by the user, session, client, organization, instance or application that they belong to.
const NAMED: &[&[u8]] = &[
    b"applications",
    b"clients",
    b"dev_browsers",
    b"identifiers",
    b"instances",
    b"memberships",
    b"organizations",
    b"pools",
    b"secret_keys",
    b"sessions",
    b"slugs",
    b"users",
];

impl Touch {
    /// Reads the text of one statement. A table that is on no list is one that everything may be made from.
    pub(crate) const fn of(text: &str) -> Touch {
        let text = text.as_bytes();
        let at = blank(text, 0);
        if starts(text, at, b"select ") || starts(text, at, b"select\n") {
            return Touch::Nothing;
        }
        let table = if starts(text, at, b"update ") {
            at + b"update ".len()
        } else if starts(text, at, b"insert into ") {
            at + b"insert into ".len()
        } else if starts(text, at, b"delete from ") {
            at + b"delete from ".len()
        } else {
            return Touch::Everything;
        };
        if listed(text, table, UNHEARD) {
            Touch::Nothing
        } else if listed(text, table, NAMED) {
            Touch::Named
        } else {
            Touch::Everything
        }
    }
}

const fn blank(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at].is_ascii_whitespace() {
        at += 1;
    }
    at
}

const fn starts(text: &[u8], at: usize, word: &[u8]) -> bool {
    let mut index = 0;
    while index < word.len() {
        if at + index >= text.len() || text[at + index] != word[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn listed(text: &[u8], at: usize, names: &[&[u8]]) -> bool {
    let mut index = 0;
    while index < names.len() {
        let end = at + names[index].len();
        if starts(text, at, names[index]) && (end >= text.len() || !(text[end].is_ascii_alphanumeric() || text[end] == b'_')) {
            return true;
        }
        index += 1;
    }
    false
}

/// What a transaction has changed so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    /// The ids of whom it has changed.
    pub(crate) ids: BTreeSet<String>,
    /// Whether nothing that is remembered can be trusted.
    pub(crate) everything: bool,
}

impl Touched {
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.everything
    }

    /// Adds what a statement with these arguments changes.
    pub(crate) fn add(&mut self, touch: Touch, arguments: &[Value<'_>], instance: Option<InstanceId>) {
        let named = match touch {
            Touch::Nothing => return,
            Touch::Everything => false,
            Touch::Named => {
                let mut named = false;
                for argument in arguments {
                    if let Value::Text(text) = argument
                        && is_subject(text)
                    {
                        named = true;
                        self.ids.insert(text.to_string());
                    }
                }
                named
            }
        };
        if !named {
            match instance {
                Some(instance) => drop(self.ids.insert(instance.to_string())),
                None => self.everything = true,
            }
        }
    }

    pub(crate) fn join(&mut self, other: Touched) {
        self.ids.extend(other.ids);
        self.everything |= other.everything;
    }
}

/// Whether an argument names somebody from whose rows something may be remembered.
fn is_subject(text: &str) -> bool {
    UserId::parse(text).is_some()
        || SessionId::parse(text).is_some()
        || ClientId::parse(text).is_some()
        || DevBrowserId::parse(text).is_some()
        || IdentifierId::parse(text).is_some()
        || InstanceId::parse(text).is_some()
        || ApplicationId::parse(text).is_some()
        || OrganizationId::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_say_what_they_change() {
        for (text, touch) in [
            ("select id from users where instance_id = $1", Touch::Nothing),
            ("\n   insert into audit (instance_id, id) values ($1, $2)", Touch::Nothing),
            ("update users set banned = true where instance_id = $1 and id = $2", Touch::Named),
            ("delete from users\n where instance_id = $1", Touch::Named),
            ("update users_of_tomorrow set a = 1 where instance_id = $1", Touch::Everything),
            ("insert into signing_keys (instance_id, id) values ($1, $2)", Touch::Everything),
            ("with x as (delete from users) select 1", Touch::Everything),
        ] {
            assert_eq!(Touch::of(text), touch, "{text}");
        }
    }

    #[test]
    fn whoever_is_not_named_is_everybody() {
        let instance = InstanceId::parse("ins_000000000000000000000000000").expect("an id");
        let user = "user_000000000000000000000000000";
        let mut touched = Touched::default();
        touched.add(Touch::Named, &[Value::Text("Ada".into()), Value::Text(user.into())], Some(instance));
        assert_eq!(touched.ids.iter().collect::<Vec<_>>(), [user]);
        touched.add(Touch::Named, &[Value::Int(1)], Some(instance));
        assert!(touched.ids.contains(&instance.to_string()) && !touched.everything);
        touched.add(Touch::Named, &[Value::Int(1)], None);
        assert!(touched.everything);
    }
}
