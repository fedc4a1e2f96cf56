//! Typed ids: a prefix and a 27-character KSUID (four bytes of seconds, sixteen bytes of chance, in base 62).
//!
//! An id is 20 bytes and `Copy`. Text that does not parse names nothing, so a door answers it with 404.

use crate::{random::Random, time::Timestamp};
use std::fmt;

/// Seconds from the Unix epoch to the epoch that KSUIDs count from (2014-05-13).
const EPOCH: i64 = 1_400_000_000;
/// 62 to the fifth.
const FIVE_DIGITS: u64 = 916_132_832;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 20 bytes behind every id. Sorts by the second in which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ksuid([u8; 20]);

impl Ksuid {
    /// The bytes themselves.
    pub const fn bytes(self) -> [u8; 20] {
        self.0
    }

    /// From the bytes themselves.
    pub const fn from_bytes(bytes: [u8; 20]) -> Ksuid {
        Ksuid(bytes)
    }

    /// The second in which it was made, if a clock has made it.
    pub const fn time(self) -> Timestamp {
        let [a, b, c, d, ..] = self.0;
        Timestamp::from_millis((u32::from_be_bytes([a, b, c, d]) as i64 + EPOCH) * 1000)
    }

    /// Length of the text form.
    pub const TEXT: usize = 27;

    /// Makes a new one from the time and 128 random bits.
    pub fn new(now: Timestamp, random: &mut dyn Random) -> Ksuid {
        let seconds = u32::try_from((now.millis() / 1000 - EPOCH).max(0)).unwrap_or(u32::MAX);
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        random.fill(&mut bytes[4..]);
        Ksuid(bytes)
    }

    /// Reads the 27-character form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Ksuid> {
        if text.len() != Self::TEXT {
            return None;
        }
        let mut words = [0u32; 5];
        let (first, rest) = text.as_bytes().split_at(Self::TEXT % 5);
        for digits in std::iter::once(first).chain(rest.chunks_exact(5)) {
            let mut carry = 0;
            for byte in digits {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    b'A'..=b'Z' => byte - b'A' + 10,
                    b'a'..=b'z' => byte - b'a' + 36,
                    _ => return None,
                };
                carry = carry * 62 + u64::from(digit);
            }
            for word in words.iter_mut().rev() {
                let value = u64::from(*word) * FIVE_DIGITS + carry;
                *word = value as u32;
                carry = value >> 32;
            }
            if carry != 0 {
                return None;
            }
        }
        let mut bytes = [0; 20];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        Some(Ksuid(bytes))
    }
}

impl fmt::Display for Ksuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = [0u32; 5];
        for (word, chunk) in words.iter_mut().zip(self.0.chunks_exact(4)) {
            *word = u32::from_be_bytes(chunk.try_into().unwrap_or_default());
        }
        let mut text = [b'0'; Self::TEXT];
        // Five digits for each long division.
        for places in text.rchunks_mut(5) {
            let mut rest = 0u64;
            for word in &mut words {
                let value = (rest << 32) | u64::from(*word);
                *word = (value / FIVE_DIGITS) as u32;
                rest = value % FIVE_DIGITS;
            }
            for place in places.iter_mut().rev() {
                *place = DIGITS[(rest % 62) as usize];
                rest /= 62;
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// What every typed id can do.
pub trait Id: Sized + Copy + fmt::Display {
    /// The prefix with its underscore, as in `user_`.
    const PREFIX: &'static str;
    /// Gives the bytes their type.
    fn from_ksuid(ksuid: Ksuid) -> Self;
    /// The bytes.
    fn ksuid(&self) -> Ksuid;
    /// Reads prefix and KSUID; `None` for anything else.
    fn parse(text: &str) -> Option<Self> {
        text.strip_prefix(Self::PREFIX).and_then(Ksuid::parse).map(Self::from_ksuid)
    }
    /// Makes a new one.
    fn new(now: Timestamp, random: &mut dyn Random) -> Self {
        Self::from_ksuid(Ksuid::new(now, random))
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
        /// Calls a macro once with the names of all id types, so that another crate can give them its traits.
        #[macro_export]
        macro_rules! for_each_id {
            ($callback:ident) => { $callback! { $($name)* } };
        }
        $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ksuid);
        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            fn from_ksuid(ksuid: Ksuid) -> Self { $name(ksuid) }
            fn ksuid(&self) -> Ksuid { self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> { serializer.collect_str(self) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("expected an id that begins with ", $prefix)))
            }
        }
    )* };
}

ids! {
    /// A team that owns applications.
    WorkspaceId = "ws_";
    /// A bundle of settings that applications subscribe to.
    PlanId = "plan_";
    /// One product, or one customer of a platform.
    ApplicationId = "app_";
    /// One environment of an application: the tenant.
    InstanceId = "ins_";
    /// A set of users in which an identifier is unique.
    PoolId = "pool_";
    /// An organization of an instance.
    OrganizationId = "org_";
    /// A user's membership in an organization.
    MembershipId = "orgmem_";
    /// A domain at which an organization's people have their addresses.
    OrganizationDomainId = "orgdmn_";
    /// A user's being told that they may join an organization.
    SuggestionId = "orgsug_";
    /// A user's wish to join an organization.
    MembershipRequestId = "orgmemreq_";
    /// An invitation to an organization.
    OrganizationInvitationId = "orginv_";
    /// What members may be in organizations.
    RoleId = "role_";
    /// What a role allows.
    PermissionId = "perm_";
    /// Roles that belong together.
    RoleSetId = "rset_";
    /// The replacement of roles of a set, or of the whole set.
    RoleSetMigrationId = "rsmig_";
    /// A key pair that signs an instance's tokens; its text is the `kid`.
    SigningKeyId = "key_";
    /// A key that seals an instance's secrets at rest.
    DataKeyId = "dek_";
    /// A secret key of the Backend API (the record, not the secret).
    SecretKeyId = "sk_";
    /// A platform token (the record, not the secret).
    PlatformTokenId = "plt_";
    /// A user.
    UserId = "user_";
    /// An identifier of a user: an e-mail address or a username.
    IdentifierId = "idn_";
    /// A browser or device.
    ClientId = "client_";
    /// A development browser that stands in for the client's cookie.
    DevBrowserId = "dvb_";
    /// A signed-in user on one client.
    SessionId = "sess_";
    /// A sign-in attempt.
    SignInId = "sia_";
    /// A sign-up attempt.
    SignUpId = "sua_";
    /// A secret that works once: a code or a nonce.
    OnceId = "once_";
    /// A backend's word that somebody may come in: a sign-in token or an actor token.
    TicketId = "tkt_";
    /// A template of tokens for other services.
    JwtTemplateId = "jtmp_";
    /// A picture, by what it shows and whose it is.
    ImageId = "img_";
    /// An allowed redirect URL.
    RedirectUrlId = "ru_";
    /// The domain of an instance.
    DomainId = "dmn_";
    /// Something that happened, as told to others.
    EventId = "evt_";
    /// Something that was done, as kept for the record.
    AuditId = "aud_";
    /// An instance's going over to another kind of pools, or an organization's to an application of its own.
    ConversionId = "conv_";
    /// Work that waits.
    JobId = "job_";
    /// A message to a person.
    MessageId = "msg_";
    /// One request, as named in an error.
    TraceId = "trc_";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    #[test]
    fn text_and_bytes_agree() {
        let mut random = Seeded::new(7);
        for second in [0, 1_400_000_000, 1_700_000_000, 5_000_000_000] {
            let id = UserId::from_ksuid(Ksuid::new(Timestamp::from_millis(second * 1000), &mut random));
            assert_eq!(UserId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(Ksuid([255; 20]).to_string(), "aWgEPTl1tmebfsQzFP4bxwgy80V");
        assert_eq!(Ksuid::parse("aWgEPTl1tmebfsQzFP4bxwgy80V"), Some(Ksuid([255; 20])));
        assert_eq!(Ksuid([0; 20]).to_string(), "0".repeat(27));
    }

    #[test]
    fn text_that_is_no_id_names_nothing() {
        for text in ["", "user_", "user_abc", "sess_0000000000000000000000000000", "aWgEPTl1tmebfsQzFP4bxwgy80W", "user_00000000000000000000000000é"] {
            assert_eq!(UserId::parse(text), None, "{text}");
        }
        assert_eq!(Ksuid::parse("aWgEPTl1tmebfsQzFP4bxwgy80W"), None, "past the largest value");
        assert_eq!(SessionId::parse("user_000000000000000000000000000"), None, "another type's prefix");
    }

    #[test]
    fn ids_sort_by_their_second() {
        let mut random = Seeded::new(1);
        let early = Ksuid::new(Timestamp::from_millis(1_700_000_000_000), &mut random).to_string();
        let late = Ksuid::new(Timestamp::from_millis(1_700_000_001_000), &mut random).to_string();
        assert!(early < late);
    }
}
