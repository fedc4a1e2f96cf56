//! A session, as the claims of its verified token tell of it (version 2).

use crate::{has::by_scope, refusal::Refusal};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The user (`sub`).
    pub user_id: String,
    /// The session (`sid`).
    pub session_id: String,
    /// Whether it waits for something (`sts`).
    pub status: Status,
    /// Who has signed the token (`iss`).
    pub issuer: String,
    /// The origin of the page that the token was made for (`azp`); none for one that a backend asked for.
    pub authorized_party: Option<String>,
    /// When the token was signed, in seconds since 1970 (`iat`).
    pub issued_at: i64,
    /// When its time is over, in seconds since 1970 (`exp`).
    pub expires_at: i64,
    /// The organization that the session is in (`o`); none in a personal account.
    pub organization: Option<Organization>,
    /// Features, with their scopes (`fea`).
    pub features: Option<String>,
    /// Plans, with their scopes (`pla`).
    pub plans: Option<String>,
    /// How long ago the user has proven who they are (`fva`).
    pub factor_ages: Option<FactorAges>,
    /// Whoever acts as the user (`act`): `sub` is the actor.
    pub actor: Option<Value>,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// Whether a session is usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Active,
    /// The user has to do something first, such as choosing an organization.
    Pending,
}

/// The organization that a session is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id (`o.id`): what rows belong to.
    pub id: String,
    /// Its slug (`o.slg`), which may change.
    pub slug: Option<String>,
    /// The user's role in it, `org:…` (`o.rol`).
    pub role: Option<String>,
    /// What the role allows, `org:<feature>:<permission>` (`fea`, `o.per`, `o.fpm`). The system's own permissions are in no token.
    pub permissions: BTreeSet<String>,
}

/// Minutes since each factor was proven; none for one that the user does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorAges {
    /// The first.
    pub first: Option<u64>,
    /// The second.
    pub second: Option<u64>,
}

impl Session {
    /// The organization's id; none in a personal account.
    pub fn organization_id(&self) -> Option<&str> {
        self.organization.as_ref().map(|organization| organization.id.as_str())
    }

    /// Whose the things are that are stored now: the organization's, or in a personal account the user's.
    pub fn owner_id(&self) -> &str {
        self.organization_id().unwrap_or(&self.user_id)
    }

    /// The organization, if it is the one of this id or slug: for addresses that name one.
    ///
    /// # Errors
    /// [`Refusal::Organization`].
    pub fn in_organization(&self, id_or_slug: &str) -> Result<&Organization, Refusal> {
        let fits = |organization: &&Organization| organization.id == id_or_slug || organization.slug.as_deref() == Some(id_or_slug);
        self.organization.as_ref().filter(fits).ok_or(Refusal::Organization)
    }

    pub(crate) fn of(claims: Map<String, Value>) -> Result<Session, Refusal> {
        let text = |name: &str| optional(&claims, name, Value::as_str).map(|text| text.map(str::to_owned));
        let required = |name: &str| text(name)?.filter(|text| !text.is_empty()).ok_or(Refusal::Claims);
        let seconds = |name: &str| optional(&claims, name, Value::as_i64)?.ok_or(Refusal::Claims);
        if claims.get("v").and_then(Value::as_i64) != Some(2) {
            return Err(Refusal::Claims);
        }
        let status = match claims.get("sts").map(Value::as_str) {
            None | Some(Some("active")) => Status::Active,
            Some(_) => Status::Pending,
        };
        Ok(Session {
            user_id: required("sub")?,
            session_id: required("sid")?,
            status,
            issuer: required("iss")?,
            authorized_party: text("azp")?,
            issued_at: seconds("iat")?,
            expires_at: seconds("exp")?,
            organization: organization(&claims)?,
            features: text("fea")?,
            plans: text("pla")?,
            factor_ages: factor_ages(&claims),
            actor: claims.get("act").filter(|actor| !actor.is_null()).cloned(),
            claims,
        })
    }
}

/// A claim that may be absent, but is of its kind where it is there.
pub(crate) fn optional<'c, T>(claims: &'c Map<String, Value>, name: &str, read: impl Fn(&'c Value) -> Option<T>) -> Result<Option<T>, Refusal> {
    claims.get(name).map(|value| read(value).ok_or(Refusal::Claims)).transpose()
}

fn organization(claims: &Map<String, Value>) -> Result<Option<Organization>, Refusal> {
    let Some(own) = optional(claims, "o", Value::as_object)? else { return Ok(None) };
    let text = |name: &str| optional(own, name, Value::as_str).map(Option::unwrap_or_default);
    let id = text("id")?;
    if id.is_empty() {
        return Err(Refusal::Claims);
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let features = optional(claims, "fea", Value::as_str)?.unwrap_or_default();
    Ok(Some(Organization {
        id: id.to_owned(),
        slug: some(text("slg")?),
        role: some(text("rol")?).map(|role| format!("org:{role}")),
        permissions: permissions(features, text("per")?, text("fpm")?).ok_or(Refusal::Claims)?,
    }))
}

/// Each feature of the organization has a number, in whose bits its words are marked. `None` where a feature has no scope.
fn permissions(features: &str, words: &str, numbers: &str) -> Option<BTreeSet<String>> {
    if features.is_empty() {
        return Some(BTreeSet::new());
    }
    let (features, _) = by_scope(features)?;
    if words.is_empty() || numbers.is_empty() {
        return Some(BTreeSet::new());
    }
    let words: Vec<&str> = words.split(',').map(str::trim).collect();
    let mut permissions = BTreeSet::new();
    for (feature, number) in features.iter().zip(numbers.split(',')) {
        for (word, bit) in words.iter().zip(bits(number.trim(), words.len())) {
            if bit {
                permissions.insert(format!("org:{feature}:{word}"));
            }
        }
    }
    Some(permissions)
}

/// The lowest bits of a decimal number of any size, the lowest first; none where it is no number.
fn bits(decimal: &str, count: usize) -> Vec<bool> {
    if decimal.is_empty() || !decimal.bytes().all(|digit| digit.is_ascii_digit()) {
        return Vec::new();
    }
    let mut digits: Vec<u8> = decimal.bytes().map(|digit| digit - b'0').collect();
    (0..count)
        .map(|_| {
            let mut rest = 0;
            for digit in &mut digits {
                let value = rest * 10 + *digit;
                (*digit, rest) = (value / 2, value % 2);
            }
            rest == 1
        })
        .collect()
}

/// Two numbers of minutes, -1 for a factor that the user does not have. Whatever else it is proves nothing.
fn factor_ages(claims: &Map<String, Value>) -> Option<FactorAges> {
    let [first, second] = claims.get("fva")?.as_array()?.as_slice() else { return None };
    let age = |value: &Value| match value.as_i64() {
        Some(-1) => Some(None),
        other => u64::try_from(other?).ok().map(Some),
    };
    Some(FactorAges { first: age(first)?, second: age(second)? })
}

#[cfg(test)]
mod tests {
    use super::{bits, permissions};

    #[test]
    fn numbers_may_be_of_any_size() {
        assert_eq!(bits("6", 4), [false, true, true, false]);
        assert_eq!(bits("0", 2), [false, false]);
        // 2 to the power of 70, and one.
        let large = bits("1180591620717411303425", 72);
        assert_eq!((0..72).filter(|place| large[*place]).collect::<Vec<_>>(), [0, 70]);
        for text in ["", "-1", "1.5", "0x1", "１"] {
            assert!(bits(text, 4).is_empty(), "{text}");
        }
    }

    #[test]
    fn permissions_follow_the_order_of_the_organizations_features() {
        let list = |features, words, numbers| permissions(features, words, numbers).expect("scopes").into_iter().collect::<Vec<_>>();
        assert_eq!(list("u:x,o:invoices,uo:reports", "create,read", "3,2"), ["org:invoices:create", "org:invoices:read", "org:reports:read"]);
        assert_eq!(list("o:a, o:b", "read, write", "x, 1"), ["org:b:read"], "what is no number allows nothing");
        assert_eq!(list("o:a", "read", "1,1"), ["org:a:read"]);
        assert_eq!(permissions("o:b,a", "read", "1"), None, "a feature without a scope");
        assert!(list("o:a", "", "1").is_empty() && list("o:a", "read", "").is_empty() && list("", "read", "1").is_empty());
    }
}
